/**
 * The ends of the network in the model of loans: an isolate's link to the object, its clock, the requests
 * that it handles, and what the world is told of their messages.
 */
import type { CallResult } from '../../src/core/runs/call-result.ts';
import type { LoanTurn } from '../../src/protocol/loans.ts';

/** The link of an isolate to the object. */
export interface Link {
  latencyMs: number;
  /** Nothing passes. */
  isMute: boolean;
  /** Next answers that do not arrive. */
  losing: number;
  /** The next turn arrives so much later, and its sender hears at once that it was cut off, ms. */
  straggleMs?: number | undefined;
}

/** The clock of an isolate. */
export interface Clock {
  /** How far it is ahead of elapsed time, ms. */
  aheadMs: number;
}

/** A request that the Worker handles; what it has begun ends with it. */
export interface Handling {
  readonly link: Link;
  readonly clock: Clock;
  isDead: boolean;
  /** Ends its tickets, as the runtime does. */
  readonly tickets: Set<() => void>;
}

/** What the world wants to know of messages. */
export interface LinkWatch {
  /** A turn is sent. */
  onSent: (turn: LoanTurn, handling: Handling) => void;
  /** A turn has arrived at the object. */
  onArrived: (turn: LoanTurn) => void;
  /** The object answers a turn. */
  onAnswered: (turn: LoanTurn, goesOn: boolean) => void;
  /** The answer to a turn has come, or is lost. */
  onTurn: (turn: LoanTurn, handling: Handling, goesOn: boolean | undefined) => void;
  /** A failed attempt is about to be told to the object. */
  onFailed: (callId: string, result: CallResult) => void;
  /** A call waits in the object. */
  onQueued: (callId: string, incarnation: number) => void;
}

/** What a queue of waiting calls is given and what it answers (waiting-queue.ts). */
import type { LiveCall, LiveRun } from '../runs/live-run.ts';

/** Key of a run in the queue (lower goes first); `head` is its call that would go next. */
export type KeyOf = (run: LiveRun, head: LiveCall) => number;

/** Work that goes before others once a run with this key is reached, ms. */
export type WorkOf = (run: LiveRun, head: LiveCall, key: number) => number;

/** The service that API keys had, where the calls of some have to wait for those of another. */
export interface KeyTurns {
  /** Calls of keys that had more service than this may not take a slot, slot-ms; undefined: some may. */
  mostUsedMs(): number | undefined;
  /** Service of a key, slot-ms; it falls only where the clock goes back. */
  usedMs(key: string): number;
}

/** State of the backend when the next call is taken. */
export interface QueueState {
  /** Epoch ms. */
  readonly now: number;
  /** Total slots of the backend; Infinity for no limit. */
  readonly slots: number;
  /** Slots that urgent calls hold. */
  readonly urgentRunning: number;
  /** Whether calls of an API key may take a slot now; absent: those of any key may. */
  readonly mayTake?: (key: string) => boolean;
  /** Absent where API keys do not take turns. */
  readonly turns?: KeyTurns;
  /** True where no call can take a slot: nobody has to be asked. */
  readonly isFull?: boolean;
  /** Whether an endpoint for which calls are held back can take one; absent: each can. */
  readonly isOpen?: (endpoint: string) => boolean;
}

/** A call that was taken out of the queue. */
export interface NextCall {
  readonly call: LiveCall;
  /** Key of its run when it was taken. */
  readonly key: number;
  /** Key from which the overtaking bound that the client was told follows; at least `key`. */
  readonly promisedKey: number;
  /** It was taken ahead of the order because of its deadline. */
  readonly urgent: boolean;
}

/** A run with calls that wait in one place: for any endpoint, or for one. */
export interface WaitingRun {
  readonly run: LiveRun;
  /** Its call that goes next; `placed.heldFor` says where it waits. */
  readonly head: LiveCall;
  /** Its calls in the order in which they go. */
  readonly calls: readonly LiveCall[];
  readonly key: number;
  /** It goes before the order because of its deadline. */
  readonly urgent?: boolean;
}

/**
 * The dispatcher's events (what happened) and effects (what it wants done). The tenant's object
 * turns each effect into I/O, the simulator into an event on its heap; neither makes decisions.
 * Events and effects of prewarming are in prewarm-events.ts.
 */

import type { EndpointState } from '../backends/endpoint-state.ts';
import type { EngineLoad } from '../backends/engine-slots.ts';
import type { StoredRun } from '../learning/application-models.ts';
import type { AdapterEffect } from '../prewarm/adapter-events.ts';
import type { PrefixEffect } from '../prewarm/prefix-events.ts';
import type { PrewarmEffect, PrewarmEvent } from '../prewarm/prewarm-events.ts';
import type { AdapterState } from '../runs/call-place.ts';
import type { CallRequest } from '../runs/call-request.ts';
import type { CallResult } from '../runs/call-result.ts';
import type { RecordedRun } from '../runs/recorded-run.ts';
import type { DispatcherConfig } from './dispatcher-config.ts';
import type { LoanEffect, LoanEvent, OnLoan } from './loan-events.ts';

export type DispatchEvent =
  | {
      readonly type: 'submitted';
      readonly call: CallRequest;
      /** It has begun on a slot that was lent to its Worker. */
      readonly onLoan?: OnLoan;
    }
  /** `again`: the client has received nothing of an answer, and another attempt is wanted. */
  | {
      readonly type: 'ended';
      readonly callId: string;
      readonly result: CallResult;
      readonly again?: boolean;
      /** When it ended, where that is reported late, epoch ms. */
      readonly at?: number;
      /** The loan that would keep the slot which the call had. */
      readonly keepFor?: string;
    }
  /** `at`: when its client left, where that is reported late, epoch ms. */
  | { readonly type: 'cancelled'; readonly callId: string; readonly at?: number }
  | { readonly type: 'renewed'; readonly callId: string }
  | {
      readonly type: 'unit-began';
      readonly runId: string;
      readonly app: string;
      readonly unit: string;
      /** API key that opens the run, where it is not open. */
      readonly keyId?: string;
    }
  | { readonly type: 'unit-ended'; readonly runId: string; readonly unit: string }
  | { readonly type: 'run-finished'; readonly runId: string }
  /** A request that needs no slot begins or ends at an endpoint, and keeps it up. */
  | {
      readonly type: 'side-call';
      readonly backend: string;
      readonly endpoint: string;
      /** It was sent at this time, epoch ms, for this API key, and found the endpoint cold. */
      readonly foundCold?: { readonly sentAt: number; readonly key: string };
    }
  /** The answer to `ask-load`; `load` is absent where the engine told nothing. */
  | {
      readonly type: 'load-told';
      readonly backend: string;
      readonly endpoint: string;
      readonly load?: EngineLoad;
    }
  | RunsRead
  | LoanEvent
  | PrewarmEvent
  | { readonly type: 'configured'; readonly config: DispatcherConfig }
  | { readonly type: 'tick' };

/**
 * Finished runs that were stored before a restart, in the order in which they ended: some of the
 * newest, which come first, then all from the oldest on. `last` ends the reading.
 */
export interface RunsRead {
  readonly type: 'runs-read';
  readonly part: 'newest' | 'next' | 'last';
  readonly runs: readonly StoredRun[];
}

/** Why a call gets no slot: refused at its submission or while it waits. */
export type RefusalCode =
  | 'queue_full'
  | 'run_calls_exceeded'
  | 'open_runs_exceeded'
  | 'queue_timeout'
  /** The run meets its deadline with a chance of less than 5 %, and the client asked to be told. */
  | 'deadline_unmeetable'
  | 'backend_warming'
  /** No endpoint can be used now, and a fallback backend is configured. */
  | 'backend_down'
  | 'backend_removed';

/** A call has a slot. */
export interface Granted {
  readonly type: 'granted';
  readonly callId: string;
  readonly backend: string;
  readonly endpoint: string;
  readonly runId: string;
  readonly app: string;
  readonly unit: string;
  /** Epoch ms, as `expiresAt`. */
  readonly grantedAt: number;
  readonly expiresAt: number;
  /** Length of the lease from its grant and from each renewal, ms. */
  readonly leaseMs: number;
  /** It took a slot that was lent, and runs or has run already. */
  readonly lent?: boolean;
  /** Repeats an earlier grant to a caller that lost the answer. */
  readonly repeated?: boolean;
  /** Time from the call's first arrival to the grant, ms. */
  readonly waitedMs: number;
  /** Part of the wait in which no endpoint of the backend was warm, ms. */
  readonly coldMs: number;
  /** Part of the wait in which a slot was free and the call was held back for another, ms. */
  readonly heldMs?: number;
  /** Tokens of its prompt that the endpoint is expected to have cached; absent: not known. */
  readonly prefixTokens?: number;
  /** How it found its adapter, and the part of the wait in which that was loaded, ms. */
  readonly adapter?: AdapterState;
  readonly adapterMs?: number;
  /** The link of its prefix whose text is to be kept, so that an endpoint can read it ahead. */
  readonly keepPrefix?: string;
  /** The run's key, less alpha * arrival for a policy that ages: then it is rank / weight. */
  readonly rankMs: number;
  /** Only runs that arrive within this time after the run can overtake it, ms; absent: any. */
  readonly boundMs?: number;
  /** State of the endpoint at the grant. */
  readonly endpointState?: EndpointState;
}

/** A call gets no slot. `retryAfterMs`: suggested pause before it is submitted again. */
export interface Refused {
  readonly type: 'refused';
  readonly callId: string;
  readonly code: RefusalCode;
  readonly retryAfterMs: number;
  /** What it asked for, and the API key that it would have been charged to. */
  readonly backend: string;
  readonly app: string;
  readonly keyId: string;
  /** `key`: the limit that was reached is the API key's, not the backend's. */
  readonly limit?: 'key';
}

export type Effect =
  | Granted
  | Refused
  /** A slot is free again. `expired`: its lease ended without a report from the Worker. */
  | {
      readonly type: 'released';
      readonly callId: string;
      readonly cause: 'ended' | 'cancelled' | 'expired';
      /** When it was free, where that was reported late, epoch ms. */
      readonly at?: number;
      readonly backend: string;
      readonly endpoint: string;
      readonly app: string;
      readonly keyId: string;
    }
  /** An endpoint has shown that it has fewer slots than are configured; for the operator. */
  | {
      readonly type: 'slots-limited';
      readonly backend: string;
      readonly endpoint: string;
      readonly configured: number;
      readonly usable: number;
      /** Known from the engine's own word, or from what calls met there. */
      readonly by: 'engine' | 'calls';
    }
  /** Ask an endpoint's engine for its load, and report it as `load-told`. */
  | { readonly type: 'ask-load'; readonly backend: string; readonly endpoint: string }
  | LoanEffect
  | PrewarmEffect
  | AdapterEffect
  | PrefixEffect
  | {
      readonly type: 'run-finished';
      readonly runId: string;
      /** Absent where none of the run's calls succeeded. */
      readonly record?: RecordedRun;
      /** False for a run that broke off: its record is kept for people, but not learned from. */
      readonly learned: boolean;
    };

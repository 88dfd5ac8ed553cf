/**
 * What can happen to the dispatcher, and what it wants done. The tenant's object turns each effect
 * into I/O, the simulator into an event on its heap; neither decides anything.
 */

import type { EndpointState } from '../backends/endpoint-state.ts';
import type { PrewarmEffect, PrewarmEvent } from '../prewarm/prewarm-events.ts';
import type { CallRequest } from '../runs/call-request.ts';
import type { CallResult } from '../runs/call-result.ts';
import type { RecordedRun } from '../runs/recorded-run.ts';
import type { DispatcherConfig } from './dispatcher-config.ts';

export type DispatchEvent =
  | { readonly type: 'submitted'; readonly call: CallRequest }
  /** `again`: nothing of an answer has reached the client, who would rather have another attempt. */
  | {
      readonly type: 'ended';
      readonly callId: string;
      readonly result: CallResult;
      readonly again?: boolean;
    }
  | { readonly type: 'cancelled'; readonly callId: string }
  | { readonly type: 'renewed'; readonly callId: string }
  | {
      readonly type: 'unit-began';
      readonly runId: string;
      readonly app: string;
      readonly unit: string;
    }
  | { readonly type: 'unit-ended'; readonly runId: string; readonly unit: string }
  | { readonly type: 'run-finished'; readonly runId: string }
  | PrewarmEvent
  | { readonly type: 'configured'; readonly config: DispatcherConfig }
  | { readonly type: 'tick' };

/** Why a call was not admitted. */
export type RefusalCode =
  | 'queue_full'
  | 'run_calls_exceeded'
  | 'queue_timeout'
  /** The run has hardly a chance to be complete in time, and the client asked to be told. */
  | 'deadline_unmeetable'
  | 'backend_warming'
  /** No endpoint can be used now, and there is another backend to go to. */
  | 'backend_down'
  | 'backend_removed';

export interface Granted {
  readonly type: 'granted';
  readonly callId: string;
  readonly backend: string;
  readonly endpoint: string;
  readonly runId: string;
  readonly app: string;
  readonly unit: string;
  readonly grantedAt: number;
  readonly expiresAt: number;
  /** Time that it lasts without being renewed. */
  readonly leaseMs: number;
  /** It was granted before, and is said again to a caller that lost the answer. */
  readonly repeated?: boolean;
  readonly waitedMs: number;
  /** Part of the wait in which no endpoint of the backend was warm, ms. */
  readonly coldMs: number;
  /** Key by which it was chosen, less alpha * arrival where the policy ages: the rank over weight. */
  readonly rankMs: number;
  /** Runs that arrive later than this after the call's run do not overtake it, ms; absent: no bound. */
  readonly boundMs?: number;
  /** Of the endpoint when it was chosen. */
  readonly endpointState?: EndpointState;
}

export interface Refused {
  readonly type: 'refused';
  readonly callId: string;
  readonly code: RefusalCode;
  readonly retryAfterMs: number;
}

export type Effect =
  | Granted
  | Refused
  /** A slot came back. `expired`: nobody had said so in time. */
  | {
      readonly type: 'released';
      readonly callId: string;
      readonly cause: 'ended' | 'cancelled' | 'expired';
    }
  | PrewarmEffect
  | {
      readonly type: 'run-finished';
      readonly runId: string;
      /** Absent where none of the run's calls came about. */
      readonly record?: RecordedRun;
      /** False for a run that broke off: kept for people, not learned from. */
      readonly learned: boolean;
    };

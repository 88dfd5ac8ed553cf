/**
 * What the console asks a tenant's object, and how that answers: plain data, as in admission.ts. The
 * answers themselves are in console/.
 */

import type { RUN_STATES } from './console/runs.ts';

/** An API key that asks; the object answers nothing to one that was revoked. */
export interface ConsoleKey {
  readonly keyId: string;
  readonly keyHash: string;
  /** Version of the configuration in which the Worker found it. */
  readonly version: number;
}

export type ConsoleQuestion =
  | { readonly type: 'now' }
  /** The rows of a backend's line after a position. */
  | { readonly type: 'line'; readonly backend: string; readonly after: number }
  | { readonly type: 'runs'; readonly filter: RunsFilter }
  | { readonly type: 'run'; readonly run: string }
  /** By the id of the call or of its request. */
  | { readonly type: 'call'; readonly id: string }
  /** As JSON Lines: at most so many of the newest runs. */
  | { readonly type: 'trace'; readonly limit: number };

/** Absent fields filter nothing. Times are epoch ms, of the run's end; a run in flight has none. */
export interface RunsFilter {
  readonly app?: string | undefined;
  /** Part of an application's name, label or run's id, or the whole id of a call or request. */
  readonly q?: string | undefined;
  readonly state?: (typeof RUN_STATES)[number] | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** The cursor of the page before. */
  readonly after?: number | undefined;
}

/** `json`: the answer's text. */
export type ConsoleReply =
  | { readonly ok: true; readonly json: string }
  | {
      readonly ok: false;
      readonly code:
        | 'tenant_not_found'
        | 'invalid_api_key'
        | 'backend_not_found'
        | 'run_not_found'
        | 'call_not_found';
    };

/** Header by which the Worker tells the object who opens a stream: a `ConsoleKey` as JSON, or ''. */
export const STREAM_KEY_HEADER = 'x-console-key';

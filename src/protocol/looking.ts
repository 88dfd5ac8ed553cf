/**
 * What the console asks a tenant's object, and how that answers: plain data, as in tenant.ts. The
 * answers themselves are in console/.
 */

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
  | { readonly type: 'line'; readonly backend: string; readonly after: number };

/** Absent fields filter nothing. Times are epoch ms, of the run's end or, in flight, of now. */
export interface RunsFilter {
  readonly app?: string;
  /** Part of an application's name, label or run's id, or the whole id of a call or request. */
  readonly q?: string;
  readonly state?: 'live' | 'waiting' | 'running' | 'between' | 'ended' | 'failed';
  readonly from?: number;
  readonly to?: number;
  /** The cursor of the page before. */
  readonly after?: number;
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

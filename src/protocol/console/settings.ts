/**
 * The screen Settings: the configuration and its versions, keys, and the audit log. Conventions are
 * in session.ts. Hashes of API keys and keys of endpoints are never shown: in their place stands
 * `HIDDEN`, which a `PUT` may send back to keep what is there.
 */

export const HIDDEN = '(kept)';

/** `GET tenants/:t/config`; the same with `ETag: "VERSION"`. */
export interface ConfigView {
  readonly version: number;
  /** As it was stored, without defaults, and without `keys`. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** `PUT tenants/:t/config` with `If-Match: "VERSION"`, admin only. Answers `ConfigView`. */
export interface ConfigPut {
  readonly config: Readonly<Record<string, unknown>>;
  /** Where it is an older version that is put back: which. */
  readonly undoes?: number;
}

/** 409: the document is newer than the page's; `current` is what it became. */
export interface ConfigConflict {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly param: string | null;
  };
  readonly current: ConfigView;
}

/** 400: `problems` has each, by the path of its field. */
export interface ConfigRefused {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly param: string | null;
  };
  readonly problems: ReadonlyArray<{ readonly param?: string; readonly message: string }>;
}

/** `GET tenants/:t/config-schema`: the JSON schema of the document. */
export type ConfigSchema = Readonly<Record<string, unknown>>;

/** `GET tenants/:t/config/versions`, the newest first, at most 50. */
export interface ConfigVersions {
  readonly rows: readonly ConfigVersionRow[];
}

export interface ConfigVersionRow {
  readonly version: number;
  readonly at: number;
  /** As in the audit log; null for a change from before versions were kept. */
  readonly by: string | null;
  readonly config: Readonly<Record<string, unknown>>;
}

/** `GET tenants/:t/keys`, at most as many as a tenant may have. */
export interface KeysView {
  readonly rows: readonly KeyRow[];
}

export interface KeyRow {
  readonly id: string;
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
  /** Applications that it may use; null for all. */
  readonly apps: readonly string[] | null;
  readonly openRuns: number;
  readonly waitingCalls: number;
}

/** `POST tenants/:t/keys`, admin only. Limits are per minute; null or absent: the tenant's. */
export interface KeyOrder {
  readonly requestsPerMinute?: number | null;
  readonly tokensPerMinute?: number | null;
}

/** The only answer that shows a key. `DELETE tenants/:t/keys/:id` answers 204. */
export interface NewKey {
  readonly id: string;
  readonly key: string;
}

/** `GET tenants/:t/audit?after=`, the newest first; at most 1,000 are kept. */
export interface AuditPage {
  readonly rows: readonly AuditRow[];
  readonly after?: string;
}

export interface AuditRow {
  readonly at: number;
  /** The token's name, or the start of its hash. */
  readonly by: string;
  readonly action:
    | 'config-put'
    | 'config-undone'
    | 'weight-set'
    | 'key-made'
    | 'key-limits'
    | 'key-revoked'
    | 'tenant-deleted'
    | 'runs-imported'
    | 'endpoint-wake'
    | 'endpoint-release'
    | 'endpoint-pause'
    | 'endpoint-resume';
  /** What it was done to: a key's id, `BACKEND/ENDPOINT`, an application, or '' for the tenant. */
  readonly target: string;
  /** What changed, by the path of the field; values are JSON, cut at 200 characters. */
  readonly changes: ReadonlyArray<{
    readonly path: string;
    readonly before: string | null;
    readonly after: string | null;
  }>;
}

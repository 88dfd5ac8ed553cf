/** What passes between the Worker and a shard of kept answers: plain data, and a hold on a key. */

/** A key that a call lays claim to. */
export interface Claim {
  /** Hash of the API key's id and the idempotency key. */
  readonly key: string;
  /** Fingerprint of the request: the same key with another is a mistake of the client. */
  readonly print: string;
  /** Of this one call. */
  readonly owner: string;
  /** How long the answer is kept, ms. */
  readonly lifetimeMs: number;
  /** What the shard may keep in all. */
  readonly shardBytes: number;
}

export interface KeptAnswer {
  readonly status: number;
  readonly headers: ReadonlyArray<readonly [string, string]>;
  readonly body: Uint8Array<ArrayBuffer>;
}

export type Begun =
  /** The call is to be made; the key is held until the hold's owner ends. */
  | { readonly status: 'fresh'; readonly hold: Partial<Disposable> }
  | { readonly status: 'replay'; readonly answer: KeptAnswer }
  | { readonly status: 'in-progress'; readonly retryAfterMs: number }
  | { readonly status: 'conflict' };

/**
 * What passes between the Worker and a shard of stored answers: plain data, and a hold on a key.
 */

/** The claim of one call to an idempotency key. */
export interface Claim {
  /** Hash of the API key's id and the idempotency key. */
  readonly key: string;
  /** SHA-256 of the API key: an answer to another key that had the same id is none for this one. */
  readonly keyHash?: string | undefined;
  /** Fingerprint of the request: another one with the same key is the client's mistake. */
  readonly print: string;
  /** Identifies the call that makes the claim. */
  readonly owner: string;
  /** How long the answer is kept, ms. */
  readonly lifetimeMs: number;
  /** Most bytes that the shard may keep in all. */
  readonly shardBytes: number;
}

export interface StoredAnswer {
  readonly status: number;
  readonly headers: ReadonlyArray<readonly [string, string]>;
  readonly body: Uint8Array<ArrayBuffer>;
}

export type ClaimResult =
  /** The call is to be made; the key is held until the Worker that has the hold ends. */
  | { readonly status: 'fresh'; readonly hold: Partial<Disposable> }
  | { readonly status: 'replay'; readonly answer: StoredAnswer }
  | { readonly status: 'in-progress'; readonly retryAfterMs: number }
  | { readonly status: 'conflict' };

/** The RPC methods of a shard; all are idempotent by the claim's owner. */
export interface IdempotencyApi {
  begin(claim: Claim): Promise<ClaimResult>;
  renew(claim: Claim): Promise<void>;
  finish(claim: Claim, answer: StoredAnswer): Promise<void>;
  free(claim: Claim): Promise<void>;
  destroy(): Promise<void>;
}

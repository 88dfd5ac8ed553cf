/**
 * Answers kept for calls with an `Idempotency-Key`: one shard of a tenant's. A key is claimed before
 * its call is made and belongs to it until the answer is kept or the call has come to nothing. An
 * object of its own, so that no answer passes through the one that all calls of a tenant ask.
 *
 * A claim ends with its Worker: by the disposal of its hold, or, where this object was restarted in
 * between, by its expiry.
 */
import { DurableObject, RpcTarget } from 'cloudflare:workers';
import type { Claim, ClaimResult, StoredAnswer } from '../src/protocol/idempotency.ts';
import { ObjectAlarm } from './alarm.ts';
import { migrate } from './migrations.ts';

/** A claim without a sign of life from its Worker. */
const CLAIM_MS = 30_000;
/** The client of a call that still runs is asked to come back after so long. */
const IN_PROGRESS_RETRY_MS = 1_000;
/** Forward-only, never edited once released. The first shards had no number: they have the table. */
const MIGRATIONS = [
  // `status` is null while the call runs.
  `CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, print TEXT, owner TEXT,
     expires_at REAL, bytes INTEGER, status INTEGER, headers TEXT, body BLOB);
   CREATE INDEX IF NOT EXISTS answers_by_expiry ON answers (expires_at, bytes)`,
];
/** A kept answer's row besides its body. */
const ROW_BYTES = 256;

interface Row {
  readonly print: string;
  readonly done: boolean;
  readonly answer: StoredAnswer;
}

export class IdempotencyShard extends DurableObject<Env> {
  readonly #sql: SqlStorage;
  readonly #alarm: ObjectAlarm;
  /** Who holds a claim, as long as this object lives; an older hold of a key no longer does. */
  readonly #holds = new Map<string, Hold>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#alarm = new ObjectAlarm(ctx.storage);
    migrate(this.ctx.storage, MIGRATIONS);
  }

  /** Claims a key, or tells what is known of it. */
  async begin(claim: Claim): Promise<ClaimResult> {
    const { key, print, owner } = claim;
    const now = Date.now();
    this.#sql.exec('DELETE FROM answers WHERE key = ? AND expires_at <= ?', key, now);
    const row = this.#row(key);
    if (row && row.print !== print) return { status: 'conflict' };
    if (row?.done) return { status: 'replay', answer: row.answer };
    if (row && this.#owner(key) !== owner) {
      return { status: 'in-progress', retryAfterMs: IN_PROGRESS_RETRY_MS };
    }
    const expiresAt = now + CLAIM_MS;
    this.#sql.exec(
      'INSERT OR REPLACE INTO answers (key, print, owner, expires_at, bytes) VALUES (?, ?, ?, ?, 0)',
      ...[key, print, owner, expiresAt],
    );
    const hold = new Hold(this, claim);
    this.#holds.set(key, hold);
    await this.#alarm.arm(expiresAt);
    return { status: 'fresh', hold };
  }

  /** The Worker that holds the claim still lives. */
  async renew({ key, owner }: Claim): Promise<void> {
    this.#sql.exec(
      'UPDATE answers SET expires_at = ? WHERE key = ? AND owner = ? AND status IS NULL',
      ...[Date.now() + CLAIM_MS, key, owner],
    );
  }

  /** Keeps the answer; durable when this resolves. */
  async finish(claim: Claim, answer: StoredAnswer): Promise<void> {
    const { key, print, owner, lifetimeMs, shardBytes } = claim;
    this.#holds.delete(key);
    const bytes = answer.body.byteLength + ROW_BYTES;
    if (bytes > shardBytes) return this.free(claim);
    const expiresAt = Date.now() + lifetimeMs;
    this.ctx.storage.transactionSync(() => {
      if (this.#owner(key) !== owner) return;
      this.#makeRoom(shardBytes - bytes);
      this.#sql.exec(
        `INSERT OR REPLACE INTO answers (key, print, owner, expires_at, bytes, status, headers, body)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[key, print, owner, expiresAt, bytes],
        ...[answer.status, JSON.stringify(answer.headers), answer.body],
      );
    });
    await this.#alarm.arm(expiresAt);
  }

  /** The call came to nothing that could be replayed: the key is free again. */
  async free({ key, owner }: Claim): Promise<void> {
    this.#holds.delete(key);
    this.#sql.exec(
      'DELETE FROM answers WHERE key = ? AND owner = ? AND status IS NULL',
      ...[key, owner],
    );
  }

  /** A hold's Worker has ended. */
  async abandon(claim: Claim, hold: Hold): Promise<void> {
    if (this.#holds.get(claim.key) === hold) await this.free(claim);
  }

  /** The tenant is gone, and its answers with it. */
  async destroy(): Promise<void> {
    this.#holds.clear();
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    this.#alarm.fired();
    migrate(this.ctx.storage, MIGRATIONS);
  }

  override async alarm(): Promise<void> {
    this.#alarm.fired();
    this.#sql.exec('DELETE FROM answers WHERE expires_at <= ?', Date.now());
    const next = this.#sql.exec('SELECT MIN(expires_at) AS at FROM answers').one().at;
    if (next !== null) await this.#alarm.arm(Number(next));
  }

  #row(key: string): Row | undefined {
    const [row] = this.#sql.exec('SELECT * FROM answers WHERE key = ?', key);
    if (!row) return undefined;
    const done = row.status !== null;
    const answer = {
      status: Number(row.status),
      headers: done ? JSON.parse(String(row.headers)) : [],
      body: row.body instanceof ArrayBuffer ? new Uint8Array(row.body) : new Uint8Array(0),
    };
    return { print: String(row.print), done, answer };
  }

  #owner(key: string): string | undefined {
    const [row] = this.#sql.exec('SELECT owner FROM answers WHERE key = ?', key);
    return row && String(row.owner);
  }

  /** Forgets the oldest answers until what is left has at most so many bytes. */
  #makeRoom(allowedBytes: number): void {
    const held = Number(this.#sql.exec('SELECT SUM(bytes) AS n FROM answers').one().n ?? 0);
    let over = held - allowedBytes;
    if (over <= 0) return;
    const rows = this.#sql.exec(
      'SELECT key, bytes FROM answers WHERE status IS NOT NULL ORDER BY expires_at',
    );
    for (const row of [...rows]) {
      if (over <= 0) return;
      this.#sql.exec('DELETE FROM answers WHERE key = ?', String(row.key));
      over -= Number(row.bytes);
    }
  }
}

/** A Worker's hold on a key. When its context ends, the runtime disposes of it and the key is free. */
class Hold extends RpcTarget {
  readonly #shard: IdempotencyShard;
  readonly #claim: Claim;

  constructor(shard: IdempotencyShard, claim: Claim) {
    super();
    this.#shard = shard;
    this.#claim = claim;
  }

  [Symbol.dispose](): void {
    void this.#shard.abandon(this.#claim, this);
  }
}

/**
 * The Durable Object that keeps the answers to calls with an `Idempotency-Key`; a tenant has
 * several as shards. A key is claimed before its call is made. It belongs to that call until the
 * answer is stored or the call has failed without one. These are objects of their own, so that no
 * answer passes through the tenant's object, which admits all of its calls.
 *
 * A claim ends with its Worker: by the disposal of its hold or, where this object was restarted in
 * between, by its expiry.
 */
import { DurableObject, RpcTarget } from 'cloudflare:workers';
import type { Claim, ClaimResult, StoredAnswer } from '../src/protocol/idempotency.ts';
import { ObjectAlarm } from './alarm.ts';
import { migrate } from './migrations.ts';

/** Time after which a claim expires that its Worker does not renew, ms. */
const CLAIM_MS = 30_000;
/** Retry time for a client whose call still runs, ms. */
const IN_PROGRESS_RETRY_MS = 1_000;
/**
 * Forward-only: a released entry is never edited. The first shards stored no version, but have the
 * table already, hence `IF NOT EXISTS`.
 */
const MIGRATIONS = [
  // `status` is null while the call runs.
  `CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, print TEXT, owner TEXT,
     expires_at REAL, bytes INTEGER, status INTEGER, headers TEXT, body BLOB);
   CREATE INDEX IF NOT EXISTS answers_by_expiry ON answers (expires_at, bytes)`,
];
/** Bytes that are counted for a row beside the answer's body. */
const ROW_BYTES = 256;

interface Row {
  readonly print: string;
  readonly done: boolean;
  readonly answer: StoredAnswer;
}

export class IdempotencyShard extends DurableObject<Env> {
  readonly #sql: SqlStorage;
  readonly #alarm: ObjectAlarm;
  /** The current hold on each key, in memory only; an older hold on a key has no effect. */
  readonly #holds = new Map<string, Hold>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#alarm = new ObjectAlarm(ctx.storage);
    migrate(this.ctx.storage, MIGRATIONS);
  }

  /** Claims a key, or answers what is known of it. Idempotent by the claim's owner. */
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

  /** Extends a claim whose Worker still lives. */
  async renew({ key, owner }: Claim): Promise<void> {
    this.#sql.exec(
      'UPDATE answers SET expires_at = ? WHERE key = ? AND owner = ? AND status IS NULL',
      ...[Date.now() + CLAIM_MS, key, owner],
    );
  }

  /**
   * Stores the answer, which is durable when this resolves. The key of an answer that is larger
   * than a shard may hold is freed instead.
   */
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

  /** Frees a key whose call gave no answer that could be replayed. */
  async free({ key, owner }: Claim): Promise<void> {
    this.#holds.delete(key);
    this.#sql.exec(
      'DELETE FROM answers WHERE key = ? AND owner = ? AND status IS NULL',
      ...[key, owner],
    );
  }

  /** Frees the key of a hold whose Worker has ended. */
  async abandon(claim: Claim, hold: Hold): Promise<void> {
    if (this.#holds.get(claim.key) === hold) await this.free(claim);
  }

  /** Deletes all answers, because the tenant was deleted. */
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

  /** Deletes the answers that expire first, until the rest has at most `allowedBytes`. */
  #makeRoom(allowedBytes: number): void {
    const keptBytes = Number(this.#sql.exec('SELECT SUM(bytes) AS n FROM answers').one().n ?? 0);
    let excess = keptBytes - allowedBytes;
    if (excess <= 0) return;
    const rows = this.#sql.exec(
      'SELECT key, bytes FROM answers WHERE status IS NOT NULL ORDER BY expires_at',
    );
    for (const row of [...rows]) {
      if (excess <= 0) return;
      this.#sql.exec('DELETE FROM answers WHERE key = ?', String(row.key));
      excess -= Number(row.bytes);
    }
  }
}

/** A Worker's hold on a key. The runtime disposes of it when the Worker's context ends. */
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

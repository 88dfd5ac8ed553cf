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
import type {
  Claim,
  ClaimResult,
  IdempotencyApi,
  StoredAnswer,
} from '../src/protocol/idempotency.ts';
import { ObjectAlarm } from './alarm.ts';
import { migrate } from './migrations.ts';
import { contentBytes, textBytes } from './stored-size.ts';

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
  // Null for answers from before hashes were stored, which count for any key of their id.
  `ALTER TABLE answers ADD COLUMN key_hash TEXT;
   CREATE INDEX answers_by_key ON answers (key_hash, status IS NULL, expires_at, bytes)`,
];
/** What a row counts for beside its texts and its body, bytes. */
const ROW_BYTES = 256;
/** Longest content of a row that shares a page with other rows. */
const SHORT_ROW = 1_800;

/** A row of the table `answers`, as its columns are declared. */
type TableRow = {
  readonly owner: string;
  readonly print: string;
  readonly key_hash: string | null;
  readonly status: number | null;
  readonly headers: string;
  readonly body: ArrayBuffer | null;
};

interface Row {
  readonly print: string;
  /** Undefined for rows from before hashes were stored. */
  readonly keyHash: string | undefined;
  readonly done: boolean;
  readonly answer: StoredAnswer;
}

export class IdempotencyShard extends DurableObject<Env> implements IdempotencyApi {
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
    const { key, keyHash, print, owner } = claim;
    const now = Date.now();
    this.#sql.exec('DELETE FROM answers WHERE key = ? AND expires_at <= ?', key, now);
    const stored = this.#row(key);
    // The row of an API key that this one has replaced under its id is replaced, too.
    const row = isOfAnother(stored?.keyHash, keyHash) ? undefined : stored;
    if (row && row.print !== print) return { status: 'conflict' };
    if (row?.done) return { status: 'replay', answer: row.answer };
    if (row && this.#owner(key) !== owner) {
      return { status: 'in-progress', retryAfterMs: IN_PROGRESS_RETRY_MS };
    }
    const expiresAt = now + CLAIM_MS;
    this.#sql.exec(
      `INSERT OR REPLACE INTO answers (key, print, owner, expires_at, bytes, key_hash)
       VALUES (?, ?, ?, ?, ?, ?)`,
      ...[key, print, owner, expiresAt, rowBytes(claim), keyHash ?? null],
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
    const { key, keyHash = null, print, owner, lifetimeMs, shardBytes } = claim;
    this.#holds.delete(key);
    const headers = JSON.stringify(answer.headers);
    const bytes = rowBytes(claim, headers, answer.body.byteLength);
    if (bytes > shardBytes) return this.free(claim);
    const expiresAt = Date.now() + lifetimeMs;
    this.ctx.storage.transactionSync(() => {
      if (this.#owner(key) !== owner) return;
      this.#sql.exec('DELETE FROM answers WHERE key = ?', key);
      this.#makeRoom(shardBytes, keyHash, bytes);
      this.#sql.exec(
        `INSERT INTO answers (key, print, owner, expires_at, bytes, status, headers, body, key_hash)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[key, print, owner, expiresAt, bytes],
        ...[answer.status, headers, answer.body, keyHash],
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
    const [row] = this.#sql.exec<TableRow>('SELECT * FROM answers WHERE key = ?', key);
    if (!row) return undefined;
    const done = row.status !== null;
    const answer = {
      status: row.status ?? 0,
      headers: done ? JSON.parse(row.headers) : [],
      body: new Uint8Array(row.body ?? []),
    };
    return { print: row.print, keyHash: row.key_hash ?? undefined, done, answer };
  }

  #owner(key: string): string | undefined {
    const [row] = this.#sql.exec<TableRow>('SELECT owner FROM answers WHERE key = ?', key);
    return row?.owner;
  }

  /**
   * Makes room for `bytes` of a key: of the key that has most, this one included, the answer that
   * expires first is deleted, until the shard has room. So no key's answers push out another's.
   */
  #makeRoom(shardBytes: number, keyHash: string | null, bytes: number): void {
    const present = Number(this.#sql.exec('SELECT SUM(bytes) AS n FROM answers').one().n ?? 0);
    let excess = present + bytes - shardBytes;
    if (excess <= 0) return;
    const kept = new Map<string | null, number>([[keyHash, bytes]]);
    for (const row of this.#sql
      .exec(
        `SELECT key_hash, SUM(bytes) AS n FROM answers WHERE (status IS NULL) = 0 GROUP BY key_hash`,
      )
      .toArray()) {
      const key = row.key_hash === null ? null : String(row.key_hash);
      kept.set(key, (kept.get(key) ?? 0) + Number(row.n));
    }
    while (excess > 0 && kept.size > 0) {
      const [most, keptBytes] = [...kept].reduce((a, b) => (b[1] > a[1] ? b : a));
      const [row] = this.#sql.exec(
        `SELECT key, bytes FROM answers WHERE key_hash IS ? AND (status IS NULL) = 0
         ORDER BY expires_at LIMIT 1`,
        most,
      );
      if (row) {
        this.#sql.exec('DELETE FROM answers WHERE key = ?', String(row.key));
        excess -= Number(row.bytes);
        kept.set(most, keptBytes - Number(row.bytes));
      } else {
        kept.delete(most);
      }
    }
  }
}

/** What a claim, or its answer, counts for as it is stored. */
function rowBytes({ key, keyHash, print, owner }: Claim, headers = '', bodyBytes = 0): number {
  const bytes = textBytes(key, keyHash, print, owner, headers) + bodyBytes;
  return ROW_BYTES + contentBytes(bytes, SHORT_ROW);
}

function isOfAnother(stored: string | undefined, keyHash: string | undefined): boolean {
  return stored !== undefined && keyHash !== undefined && stored !== keyHash;
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

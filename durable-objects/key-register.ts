/**
 * The Durable Object that knows which tenant an API key's hash belongs to; one for all tenants. KV has
 * no compare-and-set, so of two tenants that put the same hash at once, this object decides which one
 * gets it. It is asked when keys are changed, never on the way of a call.
 */
import { DurableObject } from 'cloudflare:workers';
import type { HeldKey, KeyRegisterApi } from '../src/protocol/key-register.ts';
import { migrate } from './migrations.ts';

/** Forward-only: a released entry is never edited. */
const MIGRATIONS = [
  `CREATE TABLE claims (sha256 TEXT PRIMARY KEY, tenant TEXT, claimed_at REAL) WITHOUT ROWID`,
];
/**
 * A claim that is newer than this is not taken over, ms: the change that it was made for may not be
 * stored yet.
 */
const SETTLING_MS = 600_000;

export class KeyRegister extends DurableObject<Env> implements KeyRegisterApi {
  readonly #sql: SqlStorage;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    migrate(ctx.storage, MIGRATIONS);
  }

  async claim(
    tenant: string,
    sha256s: readonly string[],
    abandoned: readonly HeldKey[],
  ): Promise<HeldKey[]> {
    const now = Date.now();
    return this.ctx.storage.transactionSync(() => {
      for (const { sha256, tenant: holder } of abandoned) {
        this.#sql.exec(
          'DELETE FROM claims WHERE sha256 = ? AND tenant = ? AND claimed_at <= ?',
          ...[sha256, holder, now - SETTLING_MS],
        );
      }
      const held = sha256s.flatMap((sha256) => this.#heldByOther(sha256, tenant));
      if (held.length > 0) return held;
      for (const sha256 of sha256s) {
        this.#sql.exec('INSERT OR REPLACE INTO claims VALUES (?, ?, ?)', sha256, tenant, now);
      }
      return [];
    });
  }

  async release(tenant: string, sha256s: readonly string[]): Promise<void> {
    this.ctx.storage.transactionSync(() => {
      for (const sha256 of sha256s) {
        this.#sql.exec('DELETE FROM claims WHERE sha256 = ? AND tenant = ?', sha256, tenant);
      }
    });
  }

  #heldByOther(sha256: string, tenant: string): HeldKey[] {
    const rows = this.#sql.exec<{ tenant: string }>(
      'SELECT tenant FROM claims WHERE sha256 = ? AND tenant <> ?',
      ...[sha256, tenant],
    );
    return [...rows].map((row) => ({ sha256, tenant: row.tenant }));
  }
}

/**
 * The texts of prompts' beginnings that endpoints read ahead of calls: the one table with what users
 * write. A text is there only while its backend has `prewarm.prefix` on, and bounded: the least
 * recently used goes first. Nothing but the endpoint that reads one is ever given it.
 */

import { readsPrefixes } from '../../src/config/prewarm-settings.ts';
import type { TenantConfig } from '../../src/config/schema.ts';
import { MAX_LINKS } from '../../src/protocol/admission.ts';
import { type KeptPrefix, MAX_PREFIX_BYTES, type PrefixText } from '../../src/protocol/orders.ts';

const MAX_TEXTS = 16;

export class PrefixTexts {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Keeps a text in place of others of the same name. False where it is too long, or not wanted. */
  keep({ backend, chain, path, body }: PrefixText, config: TenantConfig, now: number): boolean {
    const link = chain.at(-1)?.id;
    if (
      link === undefined ||
      chain.length > MAX_LINKS ||
      new TextEncoder().encode(body).length > MAX_PREFIX_BYTES
    )
      return false;
    if (!readsPrefixes(config, backend)) return false;
    this.#sql.exec(
      'INSERT OR REPLACE INTO prefixes VALUES (?, ?, ?, ?, ?, ?)',
      backend,
      link,
      JSON.stringify(chain),
      path,
      body,
      now,
    );
    this.#sql.exec(
      `DELETE FROM prefixes WHERE rowid NOT IN
         (SELECT rowid FROM prefixes ORDER BY used_at DESC, rowid DESC LIMIT ?)`,
      MAX_TEXTS,
    );
    return true;
  }

  /** Deletes the texts of backends that read none, or are not configured any more. */
  keepOnly(config: TenantConfig): void {
    for (const { backend } of this.kept()) {
      if (readsPrefixes(config, backend)) continue;
      this.#sql.exec('DELETE FROM prefixes WHERE backend = ?', backend);
    }
  }

  /** What is kept, without the texts. */
  kept(): KeptPrefix[] {
    const rows = this.#sql.exec<Record<'backend' | 'chain', string>>(
      'SELECT backend, chain FROM prefixes',
    );
    return rows.toArray().map(({ backend, chain }) => ({ backend, chain: JSON.parse(chain) }));
  }

  /** The request that has an endpoint read a prefix; it counts as used now. */
  take(backend: string, link: string, now: number): Pick<PrefixText, 'path' | 'body'> | undefined {
    const of = 'WHERE backend = ? AND link = ?';
    const [row] = this.#sql.exec<Record<'path' | 'body', string>>(
      `SELECT path, body FROM prefixes ${of}`,
      ...[backend, link],
    );
    if (row) this.#sql.exec(`UPDATE prefixes SET used_at = ? ${of}`, now, backend, link);
    return row;
  }
}

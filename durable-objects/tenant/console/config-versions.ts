/**
 * Earlier versions of the configuration, without API keys: to put one back must not bring a revoked
 * key back. Keys of endpoints are in there as they are stored, sealed; only the Worker that puts a
 * version back reads them.
 */
import type { TenantDocument } from '../../../src/protocol/tenant.ts';

const VERSIONS_KEPT = 50;
/** Characters of all versions together; the newest is kept in any case. */
const CHARS_KEPT = 8_000_000;

interface ConfigVersion {
  readonly version: number;
  /** Epoch ms. */
  readonly at: number;
  /** Whose change it was; null where that is not known. */
  readonly by: string | null;
  readonly config: Record<string, unknown>;
}

export class ConfigVersions {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Keeps a version, unless it is kept already or differs from the last one in its API keys alone. */
  add({ version, config }: TenantDocument, at: number, by: string | null): void {
    const { keys: _, ...rest } = config;
    const text = JSON.stringify(rest);
    const [newest] = this.#sql.exec('SELECT config FROM versions ORDER BY version DESC LIMIT 1');
    if (newest?.config === text) return;
    this.#sql.exec('INSERT OR IGNORE INTO versions VALUES (?, ?, ?, ?)', version, at, by, text);
    this.#forgetOldest();
  }

  /** The newest first. */
  all(): ConfigVersion[] {
    return [...this.#sql.exec('SELECT * FROM versions ORDER BY version DESC')].map(versionOf);
  }

  at(version: number): ConfigVersion | undefined {
    const [row] = this.#sql.exec('SELECT * FROM versions WHERE version = ?', version);
    return row && versionOf(row);
  }

  #forgetOldest(): void {
    let [kept, chars] = [0, 0];
    const rows = this.#sql.exec(
      'SELECT version, length(config) AS chars FROM versions ORDER BY version DESC',
    );
    for (const row of [...rows]) {
      kept += 1;
      chars += Number(row.chars);
      if (kept <= VERSIONS_KEPT && (kept === 1 || chars <= CHARS_KEPT)) continue;
      this.#sql.exec('DELETE FROM versions WHERE version <= ?', Number(row.version));
      return;
    }
  }
}

function versionOf(row: Record<string, SqlStorageValue>): ConfigVersion {
  return {
    version: Number(row.version),
    at: Number(row.at),
    by: row.by === null || row.by === undefined ? null : String(row.by),
    config: JSON.parse(String(row.config)),
  };
}

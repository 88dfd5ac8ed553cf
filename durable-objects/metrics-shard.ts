/**
 * A shard of the register of metrics: the last figures of each tenant's objects, which they bring
 * while they are awake (metrics-push.ts). A scrape of all tenants reads the register, and wakes none
 * of those that rest. Lost figures are brought again by the next call; no call depends on them.
 */

import { DurableObject } from 'cloudflare:workers';
import { logError } from '../src/protocol/log.ts';
import type { FiguresPage, MetricsShardApi, StoredFigures } from '../src/protocol/metrics.ts';
import { migrate } from './migrations.ts';

/** Forward-only: a released entry is never edited. */
const MIGRATIONS = [
  `CREATE TABLE figures (tenant TEXT, of TEXT, at REAL, lines INTEGER, text TEXT,
     PRIMARY KEY (tenant, of)) WITHOUT ROWID`,
];

/** Most rows of a shard, and the longest text of one: SQLite takes 2 MB. */
const MAX_ROWS = 20_000;
const MAX_CHARS = 1_500_000;
/** Figures that nobody has brought for so long are dropped, ms. */
const KEPT_MS = 30 * 86_400_000;
/** Figures that come later than newer ones were sent before, ms; a clock that went back is another case. */
const LATE_MS = 60_000;

export class MetricsShard extends DurableObject<Env> implements MetricsShardApi {
  readonly #sql: SqlStorage;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    migrate(ctx.storage, MIGRATIONS);
    this.#sql.exec('DELETE FROM figures WHERE at < ?', Date.now() - KEPT_MS);
  }

  async put({ tenant, of, text, lines }: StoredFigures, at: number): Promise<void> {
    const where = 'WHERE tenant = ? AND of = ?';
    const [present] = this.#sql.exec(`SELECT at FROM figures ${where}`, tenant, of);
    const presentAt = Number(present?.at ?? Number.NEGATIVE_INFINITY);
    if (at < presentAt && presentAt - at < LATE_MS) return;
    if (text.length > MAX_CHARS || (!present && this.#rows >= MAX_ROWS)) {
      logError({ event: 'metrics_not_kept', tenant, chars: text.length });
      return;
    }
    const values = [tenant, of, at, lines, text];
    this.#sql.exec('INSERT OR REPLACE INTO figures VALUES (?, ?, ?, ?, ?)', ...values);
  }

  async page(maxLines: number): Promise<FiguresPage> {
    const figures: StoredFigures[] = [];
    let [left, omitted] = [maxLines, 0];
    const sums = this.#sql.exec(
      'SELECT tenant, SUM(lines) AS lines FROM figures GROUP BY tenant ORDER BY tenant',
    );
    for (const { tenant, lines } of [...sums]) {
      if (Number(lines) > left) omitted += 1;
      else {
        left -= Number(lines);
        figures.push(...this.#of(String(tenant)));
      }
    }
    return { figures, omitted };
  }

  async of(tenants: readonly string[]): Promise<readonly StoredFigures[]> {
    return tenants.flatMap((tenant) => this.#of(tenant));
  }

  async forget(tenant: string): Promise<void> {
    this.#sql.exec('DELETE FROM figures WHERE tenant = ?', tenant);
  }

  get #rows(): number {
    return Number(this.#sql.exec('SELECT COUNT(*) AS n FROM figures').one().n);
  }

  #of(tenant: string): StoredFigures[] {
    return [...this.#sql.exec('SELECT * FROM figures WHERE tenant = ?', tenant)].map((row) => ({
      tenant,
      of: row.of === 'jobs' ? 'jobs' : 'tenant',
      text: String(row.text),
      lines: Number(row.lines),
    }));
  }
}

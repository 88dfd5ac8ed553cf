/**
 * Applications whose clients report on their runs. A report has to find all calls of its run, so calls of
 * these applications do not borrow slots: isolates are told of them with each loan and each turn. Once
 * all have been told, a report finds all calls without asking any isolate.
 */
import { RecentMap } from '../../src/core/runs/recent-map.ts';

/** An application is one of them for so long after a report, ms. */
const LASTS_MS = 60_000;
/** Clients can invent applications. */
const MAX_APPS = 32;

interface Reporting {
  until: number;
  /** Every isolate that has a loan has been told. */
  isSpread: boolean;
}

export class ReportingApps {
  readonly #apps = new RecentMap<Reporting>(MAX_APPS);

  /** Names of the applications, as isolates are told. */
  names(now: number): string[] {
    const names: string[] = [];
    for (const [app, { until }] of [...this.#apps.entries()]) {
      // A clock that went back prolongs none.
      if (now < until && until - now <= LASTS_MS) names.push(app);
      else this.#apps.delete(app);
    }
    return names;
  }

  /** True where none of its calls borrows any more. */
  isSpread(app: string, now: number): boolean {
    return this.names(now).includes(app) && this.#apps.get(app)?.isSpread === true;
  }

  /** A client of it has reported. */
  reported(app: string, now: number): void {
    const isSpread = this.isSpread(app, now);
    this.#apps.set(app, { until: now + LASTS_MS, isSpread });
  }

  /** All isolates have been told of it. */
  spread(app: string): void {
    const reporting = this.#apps.get(app);
    if (reporting) reporting.isSpread = true;
  }
}

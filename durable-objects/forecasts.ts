/** When the cron is to ask this tenant for a forecast: while there is traffic that may go cold. */
import type { Dispatcher } from '../src/core/dispatcher.ts';
import { announce, FORECAST_PERIOD_MS } from './directory-client.ts';

/** The directory is told again that this tenant wants forecasts, ms. */
const ANNOUNCE_MS = 300_000;
/** Below this chance of a need within an hour the cron need not ask again. */
const WORTH_ASKING = 0.05;
const HOUR_MS = 3_600_000;

export class Forecasts {
  readonly #directory: DurableObjectNamespace;
  readonly #tenant: string;
  #announcedAt = 0;

  constructor(directory: DurableObjectNamespace, tenant: string) {
    this.#directory = directory;
    this.#tenant = tenant;
  }

  /** Has the cron ask for forecasts while there is traffic to backends that go cold. */
  async announce(dispatcher: Dispatcher, now: number): Promise<void> {
    if (now - this.#announcedAt < ANNOUNCE_MS) return;
    if (![...dispatcher.backends.values()].some((b) => b.canGoCold)) return;
    this.#announcedAt = now;
    await announce(this.#directory, this.#tenant, now);
  }

  /** When the next forecast makes sense; nothing where it does not. */
  next(dispatcher: Dispatcher | undefined, now: number): { nextAt?: number } {
    const worth = [...(dispatcher?.backends.values() ?? [])].some(
      (b) => b.canGoCold && b.arrivals.needProbability(now, HOUR_MS) >= WORTH_ASKING,
    );
    return worth ? { nextAt: now + FORECAST_PERIOD_MS } : {};
  }
}

/** When the cron is to ask this tenant for a forecast: while there is traffic that may go cold. */
import type { Backend } from '../../src/core/backends/backend.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import { announce, FORECAST_PERIOD_MS } from '../directory/directory-client.ts';

/** The directory is told again that this tenant wants forecasts, ms. */
const ANNOUNCE_MS = 300_000;
/** And so soon where it could not be reached, ms. */
const AGAIN_MS = 10_000;
/** Below this chance of a need within an hour the cron need not ask again. */
const WORTH_ASKING = 0.05;
const HOUR_MS = 3_600_000;
const HOURS_OF_A_WEEK = 168;
/** So long before an hour that is usually busy, for cold starts. */
const BEFORE_MS = 300_000;

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
    if (forecastBackends(dispatcher).length === 0) return;
    this.#announcedAt = now;
    try {
      await announce(this.#directory, this.#tenant, now);
    } catch (error) {
      this.#announcedAt = now - ANNOUNCE_MS + AGAIN_MS;
      console.error(JSON.stringify({ event: 'announce_failed', error: String(error) }));
    }
  }

  /** When the next forecast makes sense; nothing where it does not. */
  next(dispatcher: Dispatcher | undefined, now: number): { nextAt?: number } {
    const backends = forecastBackends(dispatcher);
    // Of a backend at which calls are there is nothing to be said: it is in use.
    const need = ({ name }: Backend) => dispatcher?.needProbability(name, HOUR_MS, now) ?? 1;
    const arrivals = backends.map((b) => b.arrivals);
    if (backends.some((b) => need(b) >= WORTH_ASKING)) {
      return { nextAt: now + FORECAST_PERIOD_MS };
    }
    // Not now, but perhaps on Monday at nine: a tenant is asked again where its week says so.
    const hour = Math.floor(now / HOUR_MS);
    for (let ahead = 1; ahead <= HOURS_OF_A_WEEK; ahead += 1) {
      const at = (hour + ahead) * HOUR_MS;
      if (arrivals.some((a) => a.usualProbability(at, HOUR_MS) >= WORTH_ASKING)) {
        return { nextAt: at - BEFORE_MS };
      }
    }
    // It is told again with the next call.
    this.#announcedAt = 0;
    return {};
  }
}

function forecastBackends(dispatcher: Dispatcher | undefined): Backend[] {
  const backends = [...(dispatcher?.backends.values() ?? [])];
  return backends.filter((b) => b.canGoCold && b.spec.prewarm.mode !== 'off');
}

/**
 * When the cron asks this tenant for its next forecast: as long as there is traffic to backends
 * that may go cold. The forecast itself is in src/core/prewarm, the tenants' due times in
 * ../directory/directory.ts.
 */

import type { Backend } from '../../src/core/backends/backend.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import { logError } from '../../src/protocol/log.ts';
import { announce, FORECAST_PERIOD_MS } from '../directory/directory-client.ts';

/** How often the directory is told that this tenant wants forecasts, ms. */
const ANNOUNCE_MS = 300_000;
/** Delay after the directory could not be reached, ms. */
const RETRY_MS = 10_000;
/** Probability of a need within an hour below which no forecast is made. */
const MIN_PROBABILITY = 0.05;
const HOUR_MS = 3_600_000;
const HOURS_OF_A_WEEK = 168;
/** Time before a usually busy hour at which forecasts start again, ms: enough for a cold start. */
const LEAD_MS = 300_000;

export class Forecasts {
  readonly #directory: DurableObjectNamespace;
  readonly #tenant: string;
  #announcedAt = 0;

  constructor(directory: DurableObjectNamespace, tenant: string) {
    this.#directory = directory;
    this.#tenant = tenant;
  }

  /** Whether the directory is to be told again: where any backend may go cold. */
  isDue(dispatcher: Dispatcher, now: number): boolean {
    return now - this.#announcedAt >= ANNOUNCE_MS && forecastBackends(dispatcher).length > 0;
  }

  /** Asks the directory for forecasts. A failure is only logged. */
  async announce(now: number): Promise<void> {
    this.#announcedAt = now;
    try {
      await announce(this.#directory, this.#tenant, now);
    } catch (error) {
      this.#announcedAt = now - ANNOUNCE_MS + RETRY_MS;
      logError({ event: 'announce_failed', error: String(error) });
    }
  }

  /** When to make the next forecast, epoch ms; `nextAt` is absent until there is traffic again. */
  next(dispatcher: Dispatcher | undefined, now: number): { nextAt?: number } {
    const backends = forecastBackends(dispatcher);
    // The probability is undefined for a backend with calls: it is in use.
    const need = ({ name }: Backend) => dispatcher?.needProbability(name, HOUR_MS, now) ?? 1;
    const arrivals = backends.map((b) => b.arrivals);
    if (backends.some((b) => need(b) >= MIN_PROBABILITY)) {
      return { nextAt: now + FORECAST_PERIOD_MS };
    }
    // Nothing is expected now, but perhaps on Monday at nine: the next hour of the week that is
    // usually busy decides.
    const hour = Math.floor(now / HOUR_MS);
    for (let ahead = 1; ahead <= HOURS_OF_A_WEEK; ahead += 1) {
      const at = (hour + ahead) * HOUR_MS;
      if (arrivals.some((a) => a.usualProbability(at, HOUR_MS) >= MIN_PROBABILITY)) {
        return { nextAt: at - LEAD_MS };
      }
    }
    // The next call announces the tenant again.
    this.#announcedAt = 0;
    return {};
  }
}

/** Backends that may go cold and that prewarming is not switched off for. */
function forecastBackends(dispatcher: Dispatcher | undefined): Backend[] {
  const backends = [...(dispatcher?.backends.values() ?? [])];
  return backends.filter((b) => b.canGoCold && b.spec.prewarm.mode !== 'off');
}

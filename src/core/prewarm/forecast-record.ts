/**
 * How good the forecasts of need are: of those made with a probability of so much, how many came true.
 * One forecast of an idle backend is followed at a time, until a call comes or its time is over, so
 * that none is counted twice.
 */

/** Bins of equal width between 0 and 1. */
export const FORECAST_BINS = 10;
/** Where a bin has as many forecasts, those so far count half: behaviour changes. */
const MOST_COUNTED = 1_000;

/** Number of forecasts, how many came true, and the sum of their probabilities. */
export type ForecastCounts = readonly [made: number, came: number, probabilities: number];

interface Followed {
  readonly probability: number;
  /** Epoch ms. */
  readonly until: number;
}

export class ForecastRecord {
  readonly #followed = new Map<string, Followed>();
  readonly #bins = new Map<string, ForecastCounts[]>();

  /** A forecast may be made now: follows it, unless another is followed. */
  made(backend: string, withinMs: number, probabilityOf: () => number, now: number): void {
    const followed = this.#followed.get(backend);
    if (followed && now <= followed.until) return;
    if (followed) this.#count(backend, followed, false);
    this.#followed.set(backend, { probability: probabilityOf(), until: now + withinMs });
  }

  /** A run's need of the backend came. */
  came(backend: string, now: number): void {
    if (this.#followed.size === 0) return;
    const followed = this.#followed.get(backend);
    if (!followed) return;
    this.#followed.delete(backend);
    this.#count(backend, followed, now <= followed.until);
  }

  /** Counts by bin, the lowest probability first; undefined where nothing was counted. */
  of(backend: string): readonly ForecastCounts[] | undefined {
    return this.#bins.get(backend);
  }

  /** Forgets backends that are no longer configured. */
  keepOnly(isKnown: (backend: string) => boolean): void {
    for (const map of [this.#followed, this.#bins]) {
      for (const name of map.keys()) if (!isKnown(name)) map.delete(name);
    }
  }

  /** Handles a clock that jumps: what was to come by when is not known any more. */
  clockWentBack(): void {
    this.#followed.clear();
  }

  snapshot(): Readonly<Record<string, readonly ForecastCounts[]>> {
    return Object.fromEntries(this.#bins);
  }

  restore(from: Readonly<Record<string, readonly ForecastCounts[]>>): void {
    for (const [name, bins] of Object.entries(from)) {
      if (bins.length === FORECAST_BINS) this.#bins.set(name, [...bins]);
    }
  }

  #count(backend: string, { probability }: Followed, isTrue: boolean): void {
    const bins = this.#bins.get(backend) ?? Array.from({ length: FORECAST_BINS }, () => EMPTY);
    const at = Math.min(FORECAST_BINS - 1, Math.floor(probability * FORECAST_BINS));
    const [made, came, sum] = bins[at] ?? EMPTY;
    const kept = made >= MOST_COUNTED ? 0.5 : 1;
    bins[at] = [made * kept + 1, came * kept + (isTrue ? 1 : 0), sum * kept + probability];
    this.#bins.set(backend, bins);
  }
}

const EMPTY: ForecastCounts = [0, 0, 0];

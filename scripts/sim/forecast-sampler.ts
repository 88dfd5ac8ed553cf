/** Records forecasts during a simulation, and determines afterwards whether each came true. */
import type { Cluster } from './sim-backend.ts';

export interface ForecastSample {
  readonly backend: string;
  readonly atMs: number;
  readonly withinMs: number;
  readonly probability: number;
  /** True if a call needed the backend within that time. */
  readonly came: boolean;
}

type Ask = (backend: string, withinMs: number, atMs: number) => number | undefined;

export class ForecastSampler {
  readonly #horizons = new Map<string, number>();
  readonly #ask: Ask;
  readonly #needs = new Map<string, number[]>();
  readonly #asked: Omit<ForecastSample, 'came'>[] = [];

  /** Samples the backends that can go cold, each over the length of its cold start. */
  constructor(cluster: Cluster, ask: Ask) {
    this.#ask = ask;
    for (const [name, { coldStartMs }] of cluster) {
      if (coldStartMs !== undefined) this.#horizons.set(name, coldStartMs);
    }
  }

  ask(atMs: number): void {
    for (const [backend, withinMs] of this.#horizons) {
      const probability = this.#ask(backend, withinMs, atMs);
      if (probability !== undefined) this.#asked.push({ backend, atMs, withinMs, probability });
    }
  }

  needed(backend: string, atMs: number): void {
    const times = this.#needs.get(backend);
    if (times) times.push(atMs);
    else this.#needs.set(backend, [atMs]);
  }

  /** The samples whose time had passed at `lastMs`, the end of the trace. */
  samples(lastMs: number): ForecastSample[] {
    return this.#asked
      .filter(({ atMs, withinMs }) => atMs + withinMs <= lastMs)
      .map((sample) => {
        const { backend, atMs, withinMs } = sample;
        const times = this.#needs.get(backend) ?? [];
        return { ...sample, came: times.some((t) => t > atMs && t <= atMs + withinMs) };
      });
  }
}

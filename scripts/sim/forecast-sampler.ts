/** Asks for forecasts as a simulation goes, and notes afterwards what came true. */
import type { Cluster } from './cluster.ts';

export interface ForecastSample {
  readonly backend: string;
  readonly atMs: number;
  readonly withinMs: number;
  readonly probability: number;
  /** A call needed the backend within that time. */
  readonly came: boolean;
}

type Ask = (backend: string, withinMs: number, atMs: number) => number | undefined;

export class ForecastSampler {
  readonly #horizons = new Map<string, number>();
  readonly #ask: Ask;
  readonly #needs = new Map<string, number[]>();
  readonly #asked: Omit<ForecastSample, 'came'>[] = [];

  /** Of each backend that can go cold, a cold start ahead. */
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

  /** Those whose time was over before the trace was. */
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

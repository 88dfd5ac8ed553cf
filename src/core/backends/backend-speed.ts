/**
 * The speed of a backend, as ranks and forecasts need it: of all its calls, and of those of each model,
 * because behind one router a large and a small model have speeds of their own. A model that is hardly
 * known is taken to be as fast as the backend. Endpoints and concurrency are in speed-levels.ts.
 */

import type { CallRequest } from '../runs/call-request.ts';
import type { CallResult } from '../runs/call-result.ts';
import type { Speed } from '../runs/demand.ts';
import { RecentMap } from '../runs/recent-map.ts';
import type { SpeedSnapshot } from './learned-speed.ts';
import { SpeedLevels, type SpeedLevelsSnapshot, type SpeedSlots } from './speed-levels.ts';

/** Models that are remembered, those with the latest calls. */
const MAX_MODELS = 16;
/** Calls of a model before its own speed is used instead of the backend's. */
const MIN_CALLS_OF_MODEL = 10;

export interface BackendSpeedSnapshot extends SpeedLevelsSnapshot {
  /** By model, the one with the oldest calls first; absent where the backend has served one model. */
  readonly models?: ReadonlyArray<readonly [string, SpeedSnapshot]>;
}

export class BackendSpeed {
  #assumed: Speed;
  #endpoints: readonly SpeedSlots[];
  readonly #all: SpeedLevels;
  readonly #models = new RecentMap<SpeedLevels>(MAX_MODELS);

  constructor(assumed: Speed, endpoints: readonly SpeedSlots[]) {
    this.#assumed = assumed;
    this.#endpoints = endpoints;
    this.#all = new SpeedLevels(assumed, endpoints);
  }

  /** Milliseconds per token at full slots, of whatever model. */
  get value(): Speed {
    return this.#all.value;
  }

  /** The same of one model; the backend's where that is hardly known, or the only one. */
  valueOf(model: string | undefined): Speed {
    if (model === undefined || this.#models.size < 2) return this.value;
    const own = this.#models.get(model);
    return own && own.calls >= MIN_CALLS_OF_MODEL ? own.value : this.value;
  }

  /** Each model with a speed of its own. */
  *byModel(): Iterable<[string, Speed]> {
    if (this.#models.size < 2) return;
    for (const [model, { calls, value }] of this.#models.entries()) {
      if (calls >= MIN_CALLS_OF_MODEL) yield [model, value];
    }
  }

  /** Number of calls that were served to their end. */
  get calls(): number {
    return this.#all.calls;
  }

  /** Mean service time of a call, ms. */
  get meanServiceMs(): number {
    return this.#all.meanServiceMs;
  }

  /** Milliseconds per token of one endpoint at a concurrency; the whole backend's where unknown. */
  at(endpoint: string, concurrency: number): Speed {
    return this.#all.at(endpoint, concurrency);
  }

  observe(result: CallResult, request: CallRequest, endpoint: string, concurrency: number): void {
    this.#all.observe(result, request, endpoint, concurrency);
    if (request.model === undefined || result.outcome !== 'ok') return;
    const own = this.#models.get(request.model) ?? this.#newModel();
    own.observe(result, request, endpoint, concurrency);
    this.#models.set(request.model, own);
  }

  /** Applies a configuration; forgets what was learned of endpoints that it no longer names. */
  configure(assumed: Speed, endpoints: readonly SpeedSlots[]): void {
    this.#assumed = assumed;
    this.#endpoints = endpoints;
    this.#all.configure(assumed, endpoints);
    for (const own of this.#models.values()) own.configure(assumed, endpoints);
  }

  snapshot(): BackendSpeedSnapshot {
    if (this.#models.size < 2) return this.#all.snapshot();
    const models = [...this.#models.entries()].map(
      ([model, own]) => [model, own.briefSnapshot()] as const,
    );
    return { ...this.#all.snapshot(), models };
  }

  restore({ models = [], ...all }: BackendSpeedSnapshot): void {
    this.#all.restore(all);
    for (const [model, snapshot] of models) {
      const own = this.#newModel();
      own.restore(snapshot);
      this.#models.set(model, own);
    }
  }

  #newModel(): SpeedLevels {
    return new SpeedLevels(this.#assumed, this.#endpoints);
  }
}

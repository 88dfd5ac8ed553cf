/**
 * One speed by endpoint and level of concurrency, because a batch of sixteen decodes slower than a
 * single call, and one GPU slower than another. Each is a LearnedSpeed (learned-speed.ts). Calls wait
 * only when the slots are full, so ranks use the speed at full slots, averaged over the endpoints by
 * their slots. Of which calls it is, all of a backend or those of one model, is in backend-speed.ts.
 */
import type { CallRequest } from '../runs/call-request.ts';
import type { CallResult } from '../runs/call-result.ts';
import type { Speed } from '../runs/demand.ts';
import { LearnedSpeed, type SpeedSnapshot } from './learned-speed.ts';

/** Calls at a level of concurrency before its own speed is used instead of the whole backend's. */
const MIN_CALLS_OF_LEVEL = 10;

/** The part of an endpoint's specification that its speed depends on. */
export interface SpeedSlots {
  readonly id: string;
  readonly slots: number;
}

export interface SpeedLevelsSnapshot extends SpeedSnapshot {
  /** Endpoint id, level of concurrency, and what was learned there. */
  readonly levels?: ReadonlyArray<readonly [string, number, SpeedSnapshot]>;
}

export class SpeedLevels {
  #assumed: Speed;
  readonly #whole: LearnedSpeed;
  /** By endpoint and level. */
  readonly #levels = new Map<string, Array<LearnedSpeed | undefined>>();
  #endpoints: readonly SpeedSlots[];
  /** Undefined until it is asked for after a change. */
  #value: Speed | undefined;

  constructor(assumed: Speed, endpoints: readonly SpeedSlots[]) {
    this.#assumed = assumed;
    this.#whole = new LearnedSpeed(assumed);
    this.#endpoints = endpoints;
    this.#value = assumed;
  }

  /** Milliseconds per token at full slots. */
  get value(): Speed {
    this.#value ??= this.#atFullSlots();
    return this.#value;
  }

  /** Number of calls that were served to their end. */
  get calls(): number {
    return this.#whole.calls;
  }

  /** Mean service time of a call, ms. */
  get meanServiceMs(): number {
    return this.#whole.meanServiceMs;
  }

  /** Milliseconds per token of one endpoint at a concurrency; the whole backend's where unknown. */
  at(endpoint: string, concurrency: number): Speed {
    const levels = this.#levels.get(endpoint) ?? [];
    // Of two equally near levels the busier one wins, because its speed is the safer guess.
    const wanted = levelOf(concurrency);
    let best: LearnedSpeed | undefined;
    let bestDistance = Infinity;
    for (let level = 0; level < levels.length; level += 1) {
      const speed = levels[level];
      const distance = level >= wanted ? level - wanted : wanted - level + 0.5;
      if (!speed || speed.calls < MIN_CALLS_OF_LEVEL || distance >= bestDistance) continue;
      [best, bestDistance] = [speed, distance];
    }
    return (best ?? this.#whole).value;
  }

  observe(result: CallResult, request: CallRequest, endpoint: string, concurrency: number): void {
    this.#whole.observe(result, request);
    this.#level(endpoint, levelOf(concurrency)).observe(result, request);
    this.#value = undefined;
  }

  /** What is stored of it in short: without endpoints and levels. */
  briefSnapshot(): SpeedSnapshot {
    return this.#whole.snapshot();
  }

  /** Applies a configuration; forgets what was learned of endpoints that it no longer names. */
  configure(assumed: Speed, endpoints: readonly SpeedSlots[]): void {
    this.#assumed = assumed;
    this.#whole.assume(assumed);
    for (const levels of this.#levels.values()) {
      for (const speed of levels) speed?.assume(assumed);
    }
    this.#endpoints = endpoints;
    for (const id of this.#levels.keys()) {
      if (!endpoints.some((e) => e.id === id)) this.#levels.delete(id);
    }
    this.#value = undefined;
  }

  snapshot(): SpeedLevelsSnapshot {
    const levels = [...this.#levels].flatMap(([id, byLevel]) =>
      byLevel.flatMap((speed, level) => (speed ? [[id, level, speed.snapshot()] as const] : [])),
    );
    return { ...this.#whole.snapshot(), levels };
  }

  restore(from: SpeedLevelsSnapshot): void {
    const { levels = [], ...whole } = from;
    this.#whole.restore(whole);
    for (const [id, level, snapshot] of levels) {
      if (this.#endpoints.some((e) => e.id === id)) this.#level(id, level).restore(snapshot);
    }
    this.#value = undefined;
  }

  #level(endpoint: string, level: number): LearnedSpeed {
    let levels = this.#levels.get(endpoint);
    if (!levels) {
      levels = [];
      this.#levels.set(endpoint, levels);
    }
    levels[level] ??= new LearnedSpeed(this.#assumed);
    return levels[level];
  }

  #atFullSlots(): Speed {
    let [slots, inputMs, outputMs] = [0, 0, 0];
    for (const endpoint of this.#endpoints) {
      // Without a limit the slots are never full, so the mean over all calls is used.
      if (!Number.isFinite(endpoint.slots)) return this.#whole.value;
      const speed = this.at(endpoint.id, endpoint.slots);
      slots += endpoint.slots;
      inputMs += speed.inputMs * endpoint.slots;
      outputMs += speed.outputMs * endpoint.slots;
    }
    return slots > 0 ? { inputMs: inputMs / slots, outputMs: outputMs / slots } : this.#whole.value;
  }
}

/** Level of a concurrency: 0 for 1, 1 for 2, 2 for 3 to 4, 3 for 5 to 8, and so on. */
function levelOf(concurrency: number): number {
  return 32 - Math.clz32(Math.ceil(Math.max(1, Math.min(concurrency, 65_536))) - 1);
}

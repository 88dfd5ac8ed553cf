/**
 * How fast a backend serves, as ranks and forecasts need it: learned for each of its endpoints and
 * for each level of concurrency apart, since a batch of sixteen decodes slower than a single call and
 * one GPU slower than another. Calls wait only when the slots are full, so a rank counts with the
 * speed at full slots, over the endpoints by their share of the slots.
 */
import type { CallRequest } from '../runs/call-request.ts';
import type { CallResult } from '../runs/call-result.ts';
import type { Speed } from '../runs/demand.ts';
import { LearnedSpeed, type SpeedSnapshot } from './learned-speed.ts';

/** Calls at a level before it is believed rather than the backend as a whole. */
const ENOUGH_CALLS = 10;

/** An endpoint as far as its speed is concerned. */
export interface SpeedSlots {
  readonly id: string;
  readonly slots: number;
}

export interface BackendSpeedSnapshot extends SpeedSnapshot {
  /** Endpoint, level of concurrency, and what was learned there. */
  readonly levels?: ReadonlyArray<readonly [string, number, SpeedSnapshot]>;
}

export class BackendSpeed {
  #assumed: Speed;
  readonly #whole: LearnedSpeed;
  readonly #levels = new Map<string, Map<number, LearnedSpeed>>();
  #endpoints: readonly SpeedSlots[];
  #value: Speed;

  constructor(assumed: Speed, endpoints: readonly SpeedSlots[]) {
    this.#assumed = assumed;
    this.#whole = new LearnedSpeed(assumed);
    this.#endpoints = endpoints;
    this.#value = assumed;
  }

  /** Milliseconds a token at full slots. */
  get value(): Speed {
    return this.#value;
  }

  /** Calls that have ended. */
  get calls(): number {
    return this.#whole.snapshot().callsSeen;
  }

  get meanServiceMs(): number {
    return this.#whole.meanServiceMs;
  }

  /** Milliseconds a token of one endpoint while so many calls run there. */
  at(endpoint: string, concurrency: number): Speed {
    const levels = this.#levels.get(endpoint);
    // The nearest level that is known: first the busier ones, whose speed is the safer guess.
    const wanted = levelOf(concurrency);
    let best: LearnedSpeed | undefined;
    let bestDistance = Infinity;
    for (const [level, speed] of levels ?? []) {
      const distance = level >= wanted ? level - wanted : wanted - level + 0.5;
      if (speed.snapshot().callsSeen < ENOUGH_CALLS || distance >= bestDistance) continue;
      [best, bestDistance] = [speed, distance];
    }
    return (best ?? this.#whole).value;
  }

  observe(result: CallResult, request: CallRequest, endpoint: string, concurrency: number): void {
    this.#whole.observe(result, request);
    this.#level(endpoint, levelOf(concurrency)).observe(result, request);
    this.#value = this.#atFullSlots();
  }

  /**
   * Another assumption, other endpoints, or other slots: what was learned of those that are gone is
   * forgotten.
   */
  configure(assumed: Speed, endpoints: readonly SpeedSlots[]): void {
    this.#assumed = assumed;
    this.#whole.assume(assumed);
    for (const levels of this.#levels.values()) {
      for (const speed of levels.values()) speed.assume(assumed);
    }
    this.#endpoints = endpoints;
    for (const id of this.#levels.keys()) {
      if (!endpoints.some((e) => e.id === id)) this.#levels.delete(id);
    }
    this.#value = this.#atFullSlots();
  }

  snapshot(): BackendSpeedSnapshot {
    const levels = [...this.#levels].flatMap(([id, byLevel]) =>
      [...byLevel].map(([level, speed]) => [id, level, speed.snapshot()] as const),
    );
    return { ...this.#whole.snapshot(), levels };
  }

  restore(from: BackendSpeedSnapshot): void {
    const { levels = [], ...whole } = from;
    this.#whole.restore(whole);
    for (const [id, level, snapshot] of levels) {
      if (this.#endpoints.some((e) => e.id === id)) this.#level(id, level).restore(snapshot);
    }
    this.#value = this.#atFullSlots();
  }

  #level(endpoint: string, level: number): LearnedSpeed {
    let levels = this.#levels.get(endpoint);
    if (!levels) {
      levels = new Map();
      this.#levels.set(endpoint, levels);
    }
    let speed = levels.get(level);
    if (!speed) {
      speed = new LearnedSpeed(this.#assumed);
      levels.set(level, speed);
    }
    return speed;
  }

  #atFullSlots(): Speed {
    let [slots, inputMs, outputMs] = [0, 0, 0];
    for (const endpoint of this.#endpoints) {
      // Without a limit there is no full: the backend as a whole tells its usual speed.
      if (!Number.isFinite(endpoint.slots)) return this.#whole.value;
      const speed = this.at(endpoint.id, endpoint.slots);
      slots += endpoint.slots;
      inputMs += speed.inputMs * endpoint.slots;
      outputMs += speed.outputMs * endpoint.slots;
    }
    return slots > 0 ? { inputMs: inputMs / slots, outputMs: outputMs / slots } : this.#whole.value;
  }
}

/** 1, 2, 3 to 4, 5 to 8, and so on: 0, 1, 2, 3. */
function levelOf(concurrency: number): number {
  return Math.ceil(Math.log2(Math.max(1, Math.min(concurrency, 65_536))));
}

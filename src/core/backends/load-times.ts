/**
 * How long loads of a backend's adapters take: learned from those that were measured, as configured
 * before the first.
 */
import { LearnedStart, type StartSnapshot } from './learned-start.ts';

/** A load without an answer is given up after so many times of a load, within both bounds, ms. */
const PATIENCE_LOADS = 4;
const LEAST_PATIENCE_MS = 60_000;
const LONGEST_PATIENCE_MS = 1_800_000;

export class LoadTimes {
  readonly #learned = new LearnedStart();
  readonly #configuredMs: () => number;

  /** `configuredMs`: what the present specification says, ms. */
  constructor(configuredMs: () => number) {
    this.#configuredMs = configuredMs;
  }

  /** Mean time that a load takes, ms. */
  get meanMs(): number {
    return this.#learned.meanMs(this.#configuredMs());
  }

  /** Number of loads that were measured, and the time that one is expected to take at most, ms. */
  get learned(): { readonly observations: number; readonly p95Ms: number } {
    return { observations: this.#learned.observations, p95Ms: this.#p95Ms };
  }

  /** How long before a need a load begins, ms; see EndpointLearning.leadMs. */
  leadMs(theta: number): number {
    return this.#learned.quantileMs(1 - theta, this.#configuredMs());
  }

  /** Time after which a load without an answer is given up, ms. */
  get patienceMs(): number {
    const ms = PATIENCE_LOADS * Math.max(this.#p95Ms, this.meanMs);
    return Math.min(LONGEST_PATIENCE_MS, Math.max(LEAST_PATIENCE_MS, ms));
  }

  get #p95Ms(): number {
    return this.#learned.ms(this.#configuredMs());
  }

  /** A load took so long, ms. */
  add(tookMs: number, now: number): void {
    this.#learned.add(tookMs, now);
  }

  clockWentBack(now: number): void {
    this.#learned.clockWentBack(now);
  }

  snapshot(): StartSnapshot {
    return this.#learned.snapshot();
  }

  restore(from: StartSnapshot): void {
    this.#learned.restore(from);
  }
}

/** Records how many calls wait at each backend during a simulation. */
import type { Observer } from '../sim/simulator.ts';

/** The number of waiting calls from this time on. */
export interface QueueStep {
  readonly atMs: number;
  readonly waiting: number;
}

/** Observes a simulation. A call waits from its submission until it is granted a slot. */
export class QueueRecorder {
  readonly #steps = new Map<string, QueueStep[]>();

  readonly observe: Observer = (atMs, events, effects) => {
    const change = new Map<string, number>();
    const add = (backend: string, n: number) => change.set(backend, (change.get(backend) ?? 0) + n);
    for (const event of events) if (event.type === 'submitted') add(event.call.backend, 1);
    for (const effect of effects) if (effect.type === 'granted') add(effect.backend, -1);
    for (const [backend, n] of change) if (n !== 0) this.#step(backend, atMs, n);
  };

  /** Steps by backend, in order of time. A backend at which no call ever waited is left out. */
  get series(): ReadonlyMap<string, readonly QueueStep[]> {
    return this.#steps;
  }

  #step(backend: string, atMs: number, change: number): void {
    const steps = this.#steps.get(backend) ?? [];
    const last = steps.at(-1);
    const step = { atMs, waiting: (last?.waiting ?? 0) + change };
    // The dispatcher may take several steps at one time; only the number after the last one counts.
    if (last?.atMs === atMs) steps[steps.length - 1] = step;
    else steps.push(step);
    this.#steps.set(backend, steps);
  }
}

/**
 * The mean over time in each of `bins` equal parts of [fromMs, toMs); `atMs` is the start of the
 * part.
 */
export function meanByBin(
  steps: readonly QueueStep[],
  fromMs: number,
  toMs: number,
  bins: number,
): QueueStep[] {
  const width = (toMs - fromMs) / bins;
  let next = 0;
  let waiting = 0;
  return Array.from({ length: bins }, (_, bin) => {
    const begin = fromMs + bin * width;
    const end = begin + width;
    let at = begin;
    let area = 0;
    for (let step = steps[next]; step && step.atMs < end; step = steps[next]) {
      const stepAt = Math.max(step.atMs, begin);
      area += waiting * (stepAt - at);
      at = stepAt;
      waiting = step.waiting;
      next += 1;
    }
    area += waiting * (end - at);
    return { atMs: begin, waiting: area / width };
  });
}

export function longest(steps: readonly QueueStep[]): number {
  return steps.reduce((most, step) => Math.max(most, step.waiting), 0);
}

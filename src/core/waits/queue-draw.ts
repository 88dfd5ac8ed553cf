/**
 * One way in which a backend's queue may go on: what each run in flight is yet to take, and what it
 * asks next, are drawn from finished runs that are like it, and so are the runs that come. The
 * dispatcher's own order decides who gets the slots. Several draws make a forecast (wait-forecast.ts).
 */

import type { PastVisit } from '../learning/past-runs.ts';
import type { Random } from '../learning/random.ts';
import type { DrawnRun } from './drawn-run.ts';
import { likeMs } from './like-call.ts';
import { visitAt } from './likely-visits.ts';
import { NumberHeap } from './number-heap.ts';
import type { Outlook } from './outlook.ts';
import type { Scene, SceneRun, ServedCall, WaitingCall } from './scene.ts';

/** Events after which a draw ends, and so what it says of later waits. */
const MOST_EVENTS = 1_500;
/** A draw goes on for so many events although the wait that was asked for is over. */
const LEAST_EVENTS = 48;
/** Runs that arrive in a draw, at most: what comes then matters little. */
const MOST_ARRIVALS = 500;
/** Grants that are remembered, for calls that join the queue later. */
const MOST_GRANTS = 256;
/** Mean rest of a call that is later than all that are known, as a share of the time it has run. */
const LATE_SHARE = 0.35;

type Kind = 0 | 1 | 2 | 3 | 4;
const ENDS_HERE: Kind = 0;
const ENDS_ELSEWHERE: Kind = 1;
const JOINS: Kind = 2;
const ARRIVES: Kind = 3;
const FREES: Kind = 4;

export class QueueDraw {
  readonly #scene: Scene;
  readonly #outlook: Outlook;
  readonly #random: Random;
  readonly #events = new NumberHeap();
  /** Runs that wait by their keys; of a run that was re-keyed, older keys too. */
  readonly #queue = new NumberHeap();
  readonly #runs: DrawnRun[] = [];
  /** The first grants, by key and time. */
  readonly grants = { keys: [] as number[], times: [] as number[] };
  #free: number;
  #now = 0;

  constructor(scene: Scene, outlook: Outlook, random: Random) {
    this.#scene = scene;
    this.#outlook = outlook;
    this.#random = random;
    this.#free = scene.free;
  }

  /**
   * Writes into `waits` how long each call of the scene waits, ms; what is not decided when the wait
   * of column `asked` is stays Infinity. `shareOf`: from 0 to 1 for each run, by which it is drawn.
   * Answers the number of events.
   */
  run(waits: Float64Array, asked: number, shareOf: (run: number) => number): number {
    for (const [i, run] of this.#scene.runs.entries()) this.#begin(run, i, shareOf(i));
    this.#nextArrival();
    for (let n = 0; n < MOST_EVENTS; n += 1) {
      this.#grant(waits);
      const isDecided = Number.isFinite(waits[asked]);
      if ((isDecided && n >= LEAST_EVENTS) || this.#events.size === 0) return n;
      this.#now = this.#events.key;
      this.#happens(this.#events.pop());
    }
    return MOST_EVENTS;
  }

  #begin(scene: SceneRun, i: number, share: number): void {
    const { run, likely, served, waiting, weight, idleMs } = scene;
    const visit = likely && visitAt(likely, share);
    const drawn: DrawnRun = {
      arrivedAt: run.arrivedAt,
      weight,
      visit,
      isLast: run.final || !visit?.next,
      outstanding: served.length + waiting.length,
      waiting: waiting.length,
      granted: 0,
      key: Infinity,
      column: waiting.length > 0 ? scene.column : -1,
      scene,
    };
    this.#runs.push(drawn);
    if (waiting.length > 0) this.#enqueue(drawn, i, scene.key);
    for (const [n, call] of served.entries()) {
      const restMs = this.#restMs(visit, call, n);
      this.#events.push(restMs, i * 8 + (call.isHere ? ENDS_HERE : ENDS_ELSEWHERE));
    }
    if (drawn.outstanding === 0 && !drawn.isLast) {
      const gapMs = Math.max(0, (visit?.gapMs ?? 0) - idleMs);
      this.#events.push(gapMs, i * 8 + JOINS);
    }
  }

  #restMs(visit: PastVisit | undefined, call: ServedCall, index: number): number {
    const { elapsedMs, expectedMs } = call;
    if (!visit) {
      const meanMs = Math.max(1, expectedMs - elapsedMs, LATE_SHARE * elapsedMs);
      return 2 * meanMs * this.#random();
    }
    const restMs = likeMs(visit, call, index) - elapsedMs;
    if (restMs > 0) return restMs;
    // It is no such call: another of the visit that is longer, or one longer than all.
    const longer = visit.outputs.length > 1 ? this.#longerMs(visit, call) - elapsedMs : 0;
    return longer > 0 ? longer : 1 - LATE_SHARE * elapsedMs * Math.log(1 - this.#random());
  }

  /** Time of any call of a visit that takes longer than this one has run, ms; 0 without one. */
  #longerMs({ outputs }: PastVisit, { elapsedMs, inputMs, outputMs }: ServedCall): number {
    const n = outputs.length;
    const from = Math.floor(this.#random() * n);
    for (let k = 0; k < n; k += 1) {
      const ms = inputMs + outputMs * (outputs[(from + k) % n] as number);
      if (ms > elapsedMs) return ms;
    }
    return 0;
  }

  /** Gives the free slots to those that go first. */
  #grant(waits: Float64Array): void {
    while (this.#free > 0 && this.#queue.size > 0) {
      const i = this.#queue.value;
      const run = this.#runs[i];
      if (!run || run.waiting === 0 || run.key !== this.#queue.key) {
        this.#queue.pop();
        continue;
      }
      const at = run.granted;
      const waiting = run.column >= 0 ? run.scene?.waiting[at] : undefined;
      const slots = waiting?.call.slots ?? 1;
      if (slots > this.#free) return;
      this.#free -= slots;
      run.granted += 1;
      run.waiting -= 1;
      if (waiting) waits[run.column + at] = this.#now;
      if (this.grants.keys.length < MOST_GRANTS) {
        this.grants.keys.push(run.key);
        this.grants.times.push(this.#now);
      }
      const serviceMs = this.#serviceMs(run, at, waiting);
      for (let n = 1; n < slots; n += 1) this.#events.push(this.#now + serviceMs, FREES);
      this.#events.push(this.#now + serviceMs, i * 8 + ENDS_HERE);
    }
  }

  #serviceMs({ visit }: DrawnRun, at: number, waiting: WaitingCall | undefined): number {
    if (!waiting) return visit ? this.#callMs(visit, at) : 0;
    return visit ? likeMs(visit, waiting, at) : 2 * waiting.call.expectedMs * this.#random();
  }

  #callMs(visit: PastVisit, at: number): number {
    const { inputMs, outputMs } = this.#outlook.speeds(visit.backend);
    return (visit.computed[at] ?? 0) * inputMs + (visit.outputs[at] ?? 0) * outputMs;
  }

  #happens(event: number): void {
    const [i, kind] = [event >> 3, (event & 7) as Kind];
    if (kind === ARRIVES) return this.#arrives();
    if (kind === FREES) {
      this.#free += 1;
      return;
    }
    const run = this.#runs[i];
    if (!run) return;
    if (kind === JOINS) return this.#joins(run, i);
    if (kind === ENDS_HERE) this.#free += 1;
    run.outstanding -= 1;
    if (run.outstanding > 0) return this.#attained(run, i);
    if (run.isLast) return;
    const gapMs = run.visit?.gapMs ?? 0;
    if (gapMs > 0) this.#events.push(this.#now + gapMs, i * 8 + JOINS);
    else this.#joins(run, i);
  }

  /** The rank of a run falls with what it has got. */
  #attained(run: DrawnRun, i: number): void {
    if (run.waiting === 0) return;
    const key = this.#outlook.keyAfter(run.key, this.#meanMs(run), run.arrivedAt, run.weight);
    if (key !== run.key) this.#enqueue(run, i, key);
  }

  #meanMs({ visit }: DrawnRun): number {
    if (!visit) return 0;
    let sum = 0;
    for (let n = 0; n < visit.outputs.length; n += 1) sum += this.#callMs(visit, n);
    return sum / visit.outputs.length;
  }

  #enqueue(run: DrawnRun, i: number, key: number): void {
    run.key = key;
    this.#queue.push(key, i);
  }

  /** A run goes on to its next visit. */
  #joins(run: DrawnRun, i: number): void {
    const visit = run.visit?.next;
    if (visit) this.#submit(run, i, visit);
  }

  #submit(run: DrawnRun, i: number, visit: PastVisit): void {
    run.visit = visit;
    run.isLast = !visit.next;
    if (visit.backend !== this.#outlook.backend) {
      let longestMs = 0;
      for (let n = 0; n < visit.outputs.length; n += 1) {
        longestMs = Math.max(longestMs, this.#callMs(visit, n));
      }
      run.outstanding = 1;
      this.#events.push(this.#now + longestMs, i * 8 + ENDS_ELSEWHERE);
      return;
    }
    run.outstanding = visit.outputs.length;
    run.waiting = run.outstanding;
    run.granted = 0;
    run.column = -1;
    this.#enqueue(run, i, this.#outlook.keyOf(visit, run.arrivedAt, run.weight));
  }

  #arrives(): void {
    this.#nextArrival();
    const visit = this.#outlook.arrival(this.#random);
    if (!visit) return;
    const run: DrawnRun = {
      arrivedAt: this.#scene.at + this.#now,
      weight: this.#outlook.weightOf(visit.app),
      visit,
      isLast: !visit.next,
      outstanding: 0,
      waiting: 0,
      granted: 0,
      key: Infinity,
      column: -1,
      scene: undefined,
    };
    this.#runs.push(run);
    this.#submit(run, this.#runs.length - 1, visit);
  }

  #nextArrival(): void {
    const gapMs = -this.#outlook.gapMs * Math.log(1 - this.#random());
    if (this.#runs.length >= this.#scene.runs.length + MOST_ARRIVALS) return;
    if (Number.isFinite(gapMs)) this.#events.push(this.#now + gapMs, ARRIVES);
  }
}

/**
 * One way in which a backend's queue may go on: what each run in flight is yet to take, and what it
 * asks next, are drawn from finished runs that are like it, and so are the runs that come. The
 * dispatcher's own order decides who gets the slots. Several draws make a forecast (wait-forecast.ts).
 */

import type { PastVisit } from '../learning/past-runs.ts';
import type { Random } from '../learning/random.ts';
import { DrawnEvents, KIND } from './drawn-events.ts';
import { ANYWHERE, type DrawnRun, extend, newRun, runOfScene } from './drawn-run.ts';
import { DrawnSlots, type Grants } from './drawn-slots.ts';
import { longestMs, lossMs, meanMs, serviceMs } from './drawn-times.ts';
import { restMs, type ServedCall } from './like-call.ts';
import { visitAt } from './likely-visits.ts';
import type { Outlook } from './outlook.ts';
import type { Scene, SceneRun, WaitingCall } from './scene.ts';

/**
 * A draw goes on for so many events although the wait that was asked for is over, and for this share
 * more: those who ask next are mostly a little farther behind.
 */
const LEAST_EVENTS = 48;
const MORE_EVENTS = 1.1;
/** Runs that arrive in a draw, at most: what comes then matters little. */
const MOST_ARRIVALS = 500;
/** As in backends/call-placement.ts: what reading a prompt again counts, and the longest hold for it. */
const COUNTED_LOSS = 4;
const LONGEST_HOLD = 5;

export class QueueDraw {
  readonly #scene: Scene;
  readonly #outlook: Outlook;
  readonly #random: Random;
  readonly #events: DrawnEvents;
  readonly #runs: DrawnRun[] = [];
  readonly #slots: DrawnSlots;
  /** Runs arrive as often as now for so long, ms. */
  #lastsMs = 0;
  #granted = 0;
  #now = 0;

  constructor(scene: Scene, outlook: Outlook, random: Random) {
    this.#scene = scene;
    this.#outlook = outlook;
    this.#random = random;
    this.#events = new DrawnEvents(scene.places.length);
    this.#slots = new DrawnSlots(scene.places, this.#runs);
  }

  /** Grants by which a call that has joined since finds its turn. */
  get grants(): Grants {
    return this.#slots.grants;
  }

  /** Mean time between grants, ms. */
  get paceMs(): number {
    return this.#now / Math.max(1, this.#granted);
  }

  /**
   * Draws anew. Writes into `waits` how long each call of the scene waits, ms. What is not decided when the wait of
   * column `asked` is stays Infinity; what is not decided after `mostEvents` goes on at the same pace.
   * `shareOf`: from 0 to 1 for each run, by which it is drawn. Answers the number of events.
   */
  run(
    waits: Float64Array,
    asked: number,
    mostEvents: number,
    shareOf: (run: number) => number,
  ): number {
    this.#reset();
    const { runs } = this.#scene;
    for (let i = 0; i < runs.length; i += 1) this.#begin(runs[i] as SceneRun, i, shareOf(i));
    this.#nextArrival();
    let until = Infinity;
    for (let n = 0; n < mostEvents; n += 1) {
      this.#grant(waits);
      if (until === Infinity && Number.isFinite(waits[asked])) {
        until = Math.max(LEAST_EVENTS, n * MORE_EVENTS);
      }
      if (n >= until || this.#events.isEmpty) return n;
      this.#now = this.#events.take();
      this.#happens();
    }
    if (!Number.isFinite(waits[asked])) extend(waits, this.#runs, this.#now, this.paceMs);
    return mostEvents;
  }

  #reset(): void {
    this.#events.clear();
    this.#runs.length = 0;
    this.#slots.reset();
    this.#granted = 0;
    this.#now = 0;
    // It has lasted for some time, which is any part of the whole: in the median it is half of it.
    const share = this.#random();
    this.#lastsMs = (this.#outlook.arrivals.lastedMs * share) / (1 - share);
  }

  #begin(scene: SceneRun, i: number, share: number): void {
    const { likely, served, waiting, idleMs, heldFor, heldMs } = scene;
    const visit = likely && visitAt(likely, share);
    const drawn = runOfScene(scene, visit);
    this.#runs.push(drawn);
    if (waiting.length > 0) this.#enqueue(drawn, i, scene.key);
    if (heldFor !== ANYWHERE) this.#events.add(heldMs, i, KIND.heldNoMore, heldFor);
    for (let n = 0; n < served.length; n += 1) {
      const call = served[n] as ServedCall;
      const ms = restMs(visit, call, n, this.#random);
      this.#events.add(ms, i, call.isHere ? KIND.endsHere : KIND.endsElsewhere, call.place);
      for (let k = 1; call.isHere && k < call.slots; k += 1)
        this.#events.add(ms, i, KIND.frees, call.place);
    }
    if (drawn.outstanding === 0 && !drawn.isLast) {
      this.#events.add(Math.max(0, (visit?.gapMs ?? 0) - idleMs), i, KIND.joins);
    }
  }

  /** Gives the free slots to those that go first. */
  #grant(waits: Float64Array): void {
    const slots = this.#slots;
    const { speeds } = this.#outlook;
    while (!slots.isFull) {
      const i = slots.next();
      const run = this.#runs[i];
      if (!run) return;
      const at = run.granted;
      const waiting = run.column >= 0 ? run.scene?.waiting[at] : undefined;
      const place = this.#placeOf(run, waiting);
      if (place === ANYWHERE) {
        this.#hold(run, i, waiting);
        continue;
      }
      const taken = Math.min(waiting?.call.slots ?? 1, slots.slotsOf(place));
      if (!slots.hasFree(place, taken)) return;
      slots.take(place, taken, run.key, this.#now);
      this.#granted += 1;
      run.granted += 1;
      run.waiting -= 1;
      if (waiting) waits[run.column + at] = this.#now;
      let ms = serviceMs(run.visit, at, waiting, { speeds, random: this.#random });
      if (run.home !== ANYWHERE && place !== run.home) ms += this.#lossMs(run, waiting);
      if (run.home !== ANYWHERE || this.#scene.places.length > 1) run.home = place;
      for (let n = 1; n < taken; n += 1) this.#events.add(this.#now + ms, i, KIND.frees, place);
      this.#events.add(this.#now + ms, i, KIND.endsHere, place);
    }
  }

  /** The endpoint that a run's call takes; ANYWHERE where it is held back for its home. */
  #placeOf(run: DrawnRun, waiting: WaitingCall | undefined): number {
    if (run.heldFor !== ANYWHERE) return run.heldFor;
    const slots = this.#slots;
    const { home } = run;
    if (home === ANYWHERE) return slots.freest;
    if (slots.hasFree(home)) return home;
    if (this.#now >= run.heldUntil) return slots.freest;
    const lossMs = this.#lossMs(run, waiting);
    const aheadMs = (this.#scene.callMs * (slots.held(home) + 1)) / slots.slotsOf(home);
    return aheadMs / COUNTED_LOSS < lossMs ? ANYWHERE : slots.freest;
  }

  /** A call waits for the endpoint that has its prompt. */
  #hold(run: DrawnRun, i: number, waiting: WaitingCall | undefined): void {
    const until = this.#now + LONGEST_HOLD * this.#lossMs(run, waiting);
    run.heldUntil = Math.min(run.heldUntil, until);
    run.heldFor = run.home;
    this.#slots.enqueue(run, i);
    this.#events.add(run.heldUntil, i, KIND.heldNoMore, run.home);
  }

  #lossMs({ visit }: DrawnRun, waiting: WaitingCall | undefined): number {
    return lossMs(visit, waiting, this.#outlook);
  }

  #happens(): void {
    const { kind, run: i, place } = this.#events;
    if (kind === KIND.arrives) return this.#arrives();
    if (kind === KIND.frees) return this.#slots.give(place);
    const run = this.#runs[i];
    if (!run) return;
    if (kind === KIND.joins) return this.#joins(run, i);
    if (kind === KIND.heldNoMore) return this.#heldNoMore(run, i);
    if (kind === KIND.endsHere) this.#slots.give(place);
    run.outstanding -= 1;
    if (run.outstanding > 0) return this.#attained(run, i);
    if (run.isLast) return;
    const gapMs = run.visit?.gapMs ?? 0;
    if (gapMs > 0) this.#events.add(this.#now + gapMs, i, KIND.joins);
    else this.#joins(run, i);
  }

  #heldNoMore(run: DrawnRun, i: number): void {
    if (run.heldFor === ANYWHERE || run.heldUntil > this.#now) return;
    run.heldFor = ANYWHERE;
    if (run.waiting > 0) this.#slots.enqueue(run, i);
  }

  /** The rank of a run changes with what it has got. */
  #attained(run: DrawnRun, i: number): void {
    if (run.waiting === 0) return;
    const key = this.#outlook.keyAfter(
      run.key,
      meanMs(run.visit, this.#outlook.speeds),
      run.arrivedAt,
      run.weight,
    );
    if (key !== run.key) this.#enqueue(run, i, key);
  }

  #enqueue(run: DrawnRun, i: number, key: number): void {
    run.key = key;
    this.#slots.enqueue(run, i);
  }

  /** A run goes on to its next visit. */
  #joins(run: DrawnRun, i: number): void {
    if (run.visit?.next) this.#submit(run, i, run.visit.next);
  }

  #submit(run: DrawnRun, i: number, visit: PastVisit): void {
    run.visit = visit;
    run.isLast = !visit.next;
    if (visit.backend !== this.#outlook.backend) {
      run.outstanding = 1;
      return this.#events.add(
        this.#now + longestMs(visit, this.#outlook.speeds),
        i,
        KIND.endsElsewhere,
      );
    }
    run.outstanding = visit.outputs.length;
    run.waiting = run.outstanding;
    run.granted = 0;
    run.column = -1;
    run.heldFor = ANYWHERE;
    run.heldUntil = Infinity;
    const times = { arrivedAt: run.arrivedAt, joinedAt: this.#scene.at + this.#now };
    this.#enqueue(run, i, this.#outlook.keyOf(visit, times, run.weight));
  }

  #arrives(): void {
    this.#nextArrival();
    const visit = this.#outlook.arrival(this.#random);
    if (!visit) return;
    const weight = this.#outlook.weightOf(visit.app);
    const run = newRun(visit, this.#scene.at + this.#now, weight);
    this.#runs.push(run);
    this.#submit(run, this.#runs.length - 1, visit);
  }

  #nextArrival(): void {
    const { gapMs: presentMs, usualGapMs } = this.#outlook.arrivals;
    const isAsNow = this.#now < this.#lastsMs;
    const gapMs = -(isAsNow ? presentMs : usualGapMs) * Math.log(1 - this.#random());
    if (this.#runs.length >= this.#scene.runs.length + MOST_ARRIVALS) return;
    if (Number.isFinite(gapMs)) this.#events.add(this.#now + gapMs, 0, KIND.arrives);
  }
}

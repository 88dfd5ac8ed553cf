/**
 * The runs in flight that may need one backend, and when. The samples of a run are looked up once for
 * each state that it is in, not in each forecast, and a step looks up a limited number: with 10,000
 * runs in flight a step must not hold the object's only thread. Up to a few hundred runs, all is as
 * of the present step.
 *
 * Until a run's turn comes, the samples of all runs in its state stand in for those nearest to it:
 * they tell exactly which needs are out of the question, and how likely the others are on average.
 */
import type { Backend } from '../backends/backend.ts';
import type { ApplicationModels } from '../learning/application-models.ts';
import { type NeedTimes, NO_TIMES } from '../learning/need-times.ts';
import type { Speeds } from '../runs/demand.ts';
import type { LiveRun } from '../runs/live-run.ts';
import type { LiveVisit } from '../runs/live-visit.ts';
import { NeedWindow, SERVED } from './need-window.ts';
import { elapsedMs, type Place, placeOf } from './run-place.ts';

/** Runs that are read again in one step, of those that changed and of all in turn. */
const CHANGED_A_STEP = 1_200;
const REVIEWED_A_STEP = 300;
/** Runs that may have ended and are still kept here, beside as many as are in flight. */
const SPARE_RUNS = 1_000;
/** Runs in one step whose nearest samples are looked up. */
const LOOK_UPS_A_STEP = 100;
/** The nearest samples of an unchanged state are looked up again after this time, ms. */
const LOOK_UP_AGAIN_MS = 2_000;

/** The look-ups that a step may still make. */
export class LookUps {
  left = LOOK_UPS_A_STEP;
}

export interface RunsInFlight {
  readonly backends: ReadonlyMap<string, Backend>;
  readonly runs: ReadonlyMap<string, LiveRun>;
  readonly models: ApplicationModels;
  readonly speeds: Speeds;
}

/** A run in flight, as it was read last. */
interface Entry {
  readonly run: LiveRun;
  index: number;
  visit: LiveVisit | undefined;
  /** Of all runs that were in its state. */
  pooled: NeedTimes;
  /** Of the finished runs most like it; undefined until they are looked up. */
  nearest: NeedTimes | undefined;
  nearestAt: number;
  fanOut: number;
  largestInput: number;
}

/** A run that may need the backend within a horizon. */
export interface PossibleNeed {
  readonly run: LiveRun;
  readonly times: NeedTimes;
  /** Time since the visit's service began, ms; minus the expected wait where it has not begun. */
  readonly elapsedMs: number;
  readonly inVisit: boolean;
}

export class RunNeeds {
  readonly #backend: string;
  readonly #view: RunsInFlight;
  readonly #entries: Entry[] = [];
  readonly #entryOf = new Map<LiveRun, Entry>();
  readonly #window = new NeedWindow();
  /** Runs to read again; undefined for all. */
  #changed: Set<LiveRun> | undefined;
  #reviewed = 0;
  /** Backends where runs wait, by place in the window. */
  readonly #placeNames: string[] = [''];
  /** The present step's, by backend. */
  readonly #places = new Map<string, Place>();

  constructor(backend: string, view: RunsInFlight) {
    this.#backend = backend;
    this.#view = view;
  }

  /** Number of runs that are kept here. */
  get held(): number {
    return Math.max(this.#entries.length, this.#changed?.size ?? 0);
  }

  /** A call of the run was submitted or granted. */
  changed(run: LiveRun): void {
    if (!this.#changed) return;
    this.#changed.add(run);
    // A backend that is always in use asks for no forecast: what has ended must not be kept.
    const most = this.#view.runs.size + SPARE_RUNS;
    if (this.#changed.size > most || this.#entries.length > 2 * most) this.#forgetAll();
  }

  /** Begins a step: reads runs again, those that changed and some of the others. */
  review(now: number): void {
    this.#places.clear();
    this.#changed ??= new Set(this.#view.runs.values());
    const changed = this.#changed;
    let left = CHANGED_A_STEP;
    for (const run of changed) {
      if (left <= 0) break;
      left -= 1;
      changed.delete(run);
      this.#read(run, now);
    }
    for (let n = Math.min(REVIEWED_A_STEP, this.#entries.length); n > 0; n -= 1) {
      this.#reviewed = this.#reviewed > 0 ? this.#reviewed - 1 : this.#entries.length - 1;
      const entry = this.#entries[this.#reviewed];
      if (entry) this.#read(entry.run, now);
    }
  }

  /** The runs that are not at the backend and may need it within `withinMs`. */
  *within(withinMs: number, lookUps: LookUps, now: number): Iterable<PossibleNeed> {
    const waitsMs = this.#placeNames.map((name) => this.#placeOf(name).waitMs);
    const window = this.#window;
    for (let i = window.next(0, now, withinMs, waitsMs); i < window.size; ) {
      const entry = this.#entries[i];
      const visit = entry?.run.visits.at(-1);
      if (entry && visit && this.#counts(entry.run, visit)) {
        const { run } = entry;
        const times = this.#timesOf(entry, visit, lookUps, now);
        const place = this.#placeOf(visit.backend);
        const inVisit = visit.outstanding > 0 || run.isInOwnUnit;
        yield { run, times, elapsedMs: elapsedMs(visit, place, now), inVisit };
      }
      i = window.next(i + 1, now, withinMs, waitsMs);
    }
  }

  /** True for a run in flight, unless it is at the backend: those are counted call by call. */
  #counts(run: LiveRun, visit: LiveVisit): boolean {
    if (visit.backend === this.#backend && run.outstanding > 0) return false;
    return this.#view.runs.get(run.id) === run;
  }

  /** Reads a run's state, and between what times its samples allow a need. */
  #read(run: LiveRun, now: number): void {
    const visit = run.visits[run.visits.length - 1];
    let entry = this.#entryOf.get(run);
    if (this.#view.runs.get(run.id) !== run) return this.#forget(entry);
    entry ??= this.#add(run);
    if (entry.visit !== visit) {
      entry.visit = visit;
      entry.nearest = undefined;
    }
    const samples = this.#view.models.model(run.app)?.samples;
    entry.pooled =
      (visit && samples?.pooledNeedTimes(visit.unit, visit.number, this.#backend)) ?? NO_TIMES;
    this.#place(entry, now);
  }

  #place(entry: Entry, now: number): void {
    const { visit, index } = entry;
    const isKnown = visit && isAsLookedUp(entry, visit) && isFresh(entry.nearestAt, now);
    const { ms } = (isKnown && entry.nearest) || entry.pooled;
    if (!visit || ms.length === 0 || !this.#counts(entry.run, visit)) {
      return this.#window.set(index, SERVED, Infinity, -Infinity);
    }
    const [first, last] = [ms[0] ?? 0, ms[ms.length - 1] ?? 0];
    if (visit.outstanding > 0 && visit.servingSince === undefined) {
      return this.#window.set(index, this.#placeNumber(visit.backend), first, last);
    }
    const start = now - elapsedMs(visit, this.#placeOf(visit.backend), now);
    this.#window.set(index, SERVED, start + first, start + last);
  }

  /** The samples of the runs most like it, if the step may look them up; else of all runs. */
  #timesOf(entry: Entry, visit: LiveVisit, lookUps: LookUps, now: number): NeedTimes {
    const isKnown = entry.visit === visit && isAsLookedUp(entry, visit);
    const known = isKnown ? entry.nearest : undefined;
    if (known && isFresh(entry.nearestAt, now)) return known;
    const { run } = entry;
    const model = this.#view.models.model(run.app);
    if (!model || lookUps.left <= 0) return known ?? entry.pooled;
    lookUps.left -= 1;
    entry.visit = visit;
    entry.nearest = model.samples.needTimes(run.stateIn(visit, this.#view.speeds), this.#backend);
    entry.nearestAt = now;
    entry.fanOut = visit.fanOut;
    entry.largestInput = visit.largestInput;
    this.#place(entry, now);
    return entry.nearest;
  }

  #add(run: LiveRun): Entry {
    const entry: Entry = {
      run,
      index: this.#window.add(),
      visit: undefined,
      pooled: NO_TIMES,
      nearest: undefined,
      nearestAt: -Infinity,
      fanOut: 0,
      largestInput: 0,
    };
    this.#entries.push(entry);
    this.#entryOf.set(run, entry);
    return entry;
  }

  #forgetAll(): void {
    this.#changed = undefined;
    this.#entries.length = 0;
    this.#entryOf.clear();
    this.#window.clear();
  }

  #forget(entry: Entry | undefined): void {
    if (!entry) return;
    this.#entryOf.delete(entry.run);
    this.#window.remove(entry.index);
    const moved = this.#entries.pop();
    if (!moved || moved === entry) return;
    this.#entries[entry.index] = moved;
    moved.index = entry.index;
  }

  #placeNumber(backend: string): number {
    const known = this.#placeNames.indexOf(backend);
    if (known >= 0) return known;
    this.#placeNames.push(backend);
    return this.#placeNames.length - 1;
  }

  #placeOf(name: string): Place {
    let place = this.#places.get(name);
    if (!place) {
      place = placeOf(this.#view.backends.get(name));
      this.#places.set(name, place);
    }
    return place;
  }
}

/** True where the visit's features are those that its nearest samples were looked up by. */
function isAsLookedUp(entry: Entry, { fanOut, largestInput }: LiveVisit): boolean {
  return entry.fanOut === fanOut && entry.largestInput === largestInput;
}

/** False where samples were looked up too long ago, or the clock went back since. */
function isFresh(lookedUpAt: number, now: number): boolean {
  return now >= lookedUpAt && now - lookedUpAt < LOOK_UP_AGAIN_MS;
}

/**
 * Finds the scene that a forecast of a backend's queue starts from (scene.ts): each run with the
 * visits of finished runs that its present one is like.
 */
import type { Backend } from '../backends/backend.ts';
import type { ApplicationModels } from '../learning/application-models.ts';
import { featuresOf, logOutputOf, type PastVisit } from '../learning/past-runs.ts';
import type { Speeds } from '../runs/demand.ts';
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import type { LiveVisit } from '../runs/live-visit.ts';
import type { RecordedRun } from '../runs/recorded-run.ts';
import { COST, type ForecastBudget } from './forecast-budget.ts';
import { type ComparedCall, likeMs, type ServedCall } from './like-call.ts';
import { type LikelyVisits, likelyVisits, reweighted } from './likely-visits.ts';
import { LikenessTable } from './likeness-table.ts';
import type { Scene, SceneRun, WaitingCall } from './scene.ts';
import { type PlaceOfRun, ScenePlaces } from './scene-places.ts';

/** Most that is looked at: runs that wait, calls that run here and at each other backend. */
export const MOST_IN_SCENE = { waiting: 512, running: 256, elsewhere: 64 };
/** A run is expected back for so long after its last call ended, ms. */
const BACK_WITHIN_MS = 60_000;

/** What a scene is made of. */
export interface SceneSources {
  readonly backends: ReadonlyMap<string, Backend>;
  readonly models: ApplicationModels;
  readonly speeds: Speeds;
  /** Runs without a call in flight, the last ones that were left. */
  readonly idle: Iterable<LiveRun>;
  weightOf(run: LiveRun, call?: LiveCall): number;
  /** Charged what scenes cost. */
  readonly budget: ForecastBudget;
  /** The finished runs that a run in flight may go on like; all where absent. */
  readonly isLike?: IsLike | undefined;
}

/** Whether a run in flight may go on like a finished one. */
export type IsLike = (run: LiveRun, past: RecordedRun) => boolean;

/** A visit's likeness, valid while its calls and those that have ended are the same. */
interface KnownLikeness {
  readonly fanOut: number;
  readonly ended: number;
  readonly likely: LikelyVisits | undefined;
}

export class SceneBuilder {
  readonly #sources: SceneSources;
  readonly #likeness = new WeakMap<LiveVisit, KnownLikeness>();

  /** By the list of visits that each is of. */
  readonly #tables = new WeakMap<readonly PastVisit[], LikenessTable>();

  constructor(sources: SceneSources) {
    this.#sources = sources;
  }

  scene(backend: Backend, now: number): Scene {
    const drafts = new Drafts();
    const places = new ScenePlaces(backend, now);
    addWaiting(drafts, backend);
    for (const other of this.#sources.backends.values()) {
      addServed(drafts, other, other === backend ? places : undefined, now);
    }
    for (const run of this.#sources.idle) {
      const isComing = run.outstanding === 0 && !run.final;
      if (isComing && now - run.lastActiveAt < BACK_WITHIN_MS) drafts.of(run);
    }
    const columns = new Map<LiveCall, number>();
    const runs: SceneRun[] = [];
    for (const [run, draft] of drafts.all) {
      runs.push({ ...this.#run(run, draft, columns.size, now), ...places.of(run, draft.first) });
      for (const { call } of draft.waiting) columns.set(call, columns.size);
    }
    this.#sources.budget.spend(runs.length * COST.runInScene);
    return { at: now, runs, columns, places: places.all, callMs: backend.speed.meanServiceMs };
  }

  #run(
    run: LiveRun,
    { served, waiting, key, first }: Draft,
    column: number,
    now: number,
  ): Omit<SceneRun, keyof PlaceOfRun> {
    const visit = run.visits.at(-1);
    const known = visit && this.#likely(run, visit);
    const idleMs = served.length + waiting.length > 0 ? 0 : Math.max(0, now - run.lastActiveAt);
    const likely = known && stillLikely(known, run, served, idleMs);
    const weight = this.#sources.weightOf(run, first);
    return { run, weight, likely, served, waiting, key, column, idleMs };
  }

  #likely(run: LiveRun, visit: LiveVisit): LikelyVisits | undefined {
    const { fanOut, records } = visit;
    const known = this.#likeness.get(visit);
    if (known?.fanOut === fanOut && known.ended === records.length) return known.likely;
    const state = run.stateIn(visit, this.#sources.speeds);
    const { isLike, models } = this.#sources;
    const past = models.past.inState(run.app, state, isLike && ((ended) => isLike(run, ended)));
    this.#sources.budget.spend(COST.likeness + past.length * COST.compared);
    const before = run.visits[visit.index - 1]?.records ?? [];
    const likely =
      past.length === 0
        ? undefined
        : likelyVisits(past, this.#tableOf(past), {
            features: featuresOf(state, logOutputOf(before)),
            logOutput: records.length > 0 ? logOutputOf(records) : undefined,
          });
    this.#likeness.set(visit, { fanOut, ended: records.length, likely });
    return likely;
  }

  #tableOf(past: readonly PastVisit[]): LikenessTable {
    const known = this.#tables.get(past);
    if (known?.isOf(past)) return known;
    const table = new LikenessTable(past);
    this.#sources.budget.spend(past.length * COST.row);
    this.#tables.set(past, table);
    return table;
  }
}

interface Draft {
  readonly served: ServedCall[];
  readonly waiting: WaitingCall[];
  key: number;
  first: LiveCall | undefined;
}

class Drafts {
  readonly all = new Map<LiveRun, Draft>();

  of(run: LiveRun): Draft {
    const known = this.all.get(run);
    if (known) return known;
    const draft: Draft = { served: [], waiting: [], key: Infinity, first: undefined };
    this.all.set(run, draft);
    return draft;
  }
}

function addWaiting(drafts: Drafts, backend: Backend): void {
  let left = MOST_IN_SCENE.waiting;
  for (const { run, head, calls, key } of backend.queue.inOrder()) {
    if (left <= 0) return;
    left -= 1;
    const draft = drafts.of(run);
    draft.key = Math.min(draft.key, key);
    draft.first ??= head;
    for (const call of calls) draft.waiting.push(waitingCall(call, backend));
  }
}

/** `places`: those of the backend, where it is the one of the scene. */
function addServed(
  drafts: Drafts,
  backend: Backend,
  places: ScenePlaces | undefined,
  now: number,
): void {
  let left = places ? MOST_IN_SCENE.running : MOST_IN_SCENE.elsewhere;
  for (const call of backend.runningCalls()) {
    if (left <= 0) return;
    left -= 1;
    const draft = drafts.of(call.run);
    draft.first ??= call;
    draft.served.push(servedCall(call, backend, places, now));
  }
}

/** Those that agree with how long the calls that run have run; all of them where none does. */
function stillLikely(
  likely: LikelyVisits,
  run: LiveRun,
  served: readonly ServedCall[],
  idleMs: number,
): LikelyVisits {
  const agreement = (visit: PastVisit) => {
    if (!run.final && !visit.next) return 0;
    if (served.length === 0) return idleMs > 0 && visit.gapMs < idleMs ? 0 : 1;
    return served.every((call, i) => likeMs(visit, call, i) > call.elapsedMs) ? 1 : 0;
  };
  const left = reweighted(likely, agreement);
  return left.visits.length > 0 ? left : likely;
}

function waitingCall(call: LiveCall, backend: Backend): WaitingCall {
  const { input, ...compared } = comparedCall(call, backend);
  const { inputMs } = backend.speed.valueOf(call.request.model);
  return { input, ...compared, call, cachedMs: Math.max(0, input * inputMs - compared.inputMs) };
}

function servedCall(
  call: LiveCall,
  backend: Backend,
  places: ScenePlaces | undefined,
  now: number,
): ServedCall {
  const { lease, expectedMs, slots } = call;
  const elapsedMs = Math.max(0, now - (lease?.grantedAt ?? now));
  const place = places?.indexOf(lease?.endpoint) ?? 0;
  const here = { isHere: places !== undefined, place };
  const compared = comparedCall(call, backend);
  // What it had to read counts as cached by now.
  const inputMs = call.placed.expected?.readMs ?? compared.inputMs;
  return { ...compared, inputMs, elapsedMs, expectedMs, slots, ...here };
}

function comparedCall(call: LiveCall, { caches, speed }: Backend): ComparedCall {
  const input = call.request.inputTokens;
  const { inputMs, outputMs } = speed.valueOf(call.request.model);
  const computed = caches.uncachedTokens(call) ?? input;
  return { input, inputMs: computed * inputMs, outputMs };
}

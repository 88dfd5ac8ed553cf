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
import { type ComparedCall, likeMs } from './like-call.ts';
import { type LikelyVisits, likelyVisits, reweighted } from './likely-visits.ts';
import type { Scene, SceneRun, ServedCall, WaitingCall } from './scene.ts';

/** Most that is looked at: runs that wait, calls that run here and at each other backend. */
export const MOST_IN_SCENE = { waiting: 128, running: 256, elsewhere: 64 };
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

  constructor(sources: SceneSources) {
    this.#sources = sources;
  }

  scene(backend: Backend, now: number): Scene {
    const drafts = new Drafts();
    addWaiting(drafts, backend);
    for (const other of this.#sources.backends.values()) {
      addServed(drafts, other, other === backend, now);
    }
    for (const run of this.#sources.idle) {
      const isComing = run.outstanding === 0 && !run.final;
      if (isComing && now - run.lastActiveAt < BACK_WITHIN_MS) drafts.of(run);
    }
    const columns = new Map<LiveCall, number>();
    const runs: SceneRun[] = [];
    for (const [run, draft] of drafts.all) {
      runs.push(this.#run(run, draft, columns.size, now));
      for (const { call } of draft.waiting) columns.set(call, columns.size);
    }
    const free = Math.max(0, backend.freeSlots(now));
    return { at: now, runs, columns, free };
  }

  #run(
    run: LiveRun,
    { served, waiting, key, first }: Draft,
    column: number,
    now: number,
  ): SceneRun {
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
    const before = run.visits[visit.index - 1]?.records ?? [];
    const likely =
      past.length === 0
        ? undefined
        : likelyVisits(past, {
            features: featuresOf(state, logOutputOf(before)),
            logOutput: records.length > 0 ? logOutputOf(records) : undefined,
          });
    this.#likeness.set(visit, { fanOut, ended: records.length, likely });
    return likely;
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

function addServed(drafts: Drafts, backend: Backend, isHere: boolean, now: number): void {
  let left = isHere ? MOST_IN_SCENE.running : MOST_IN_SCENE.elsewhere;
  for (const call of backend.runningCalls()) {
    if (left <= 0) return;
    left -= 1;
    const draft = drafts.of(call.run);
    draft.first ??= call;
    draft.served.push(servedCall(call, backend, isHere, now));
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
  return { ...comparedCall(call, backend), call };
}

function servedCall(call: LiveCall, backend: Backend, isHere: boolean, now: number): ServedCall {
  const { lease, expectedMs, slots } = call;
  const elapsedMs = Math.max(0, now - (lease?.grantedAt ?? now));
  return { ...comparedCall(call, backend), elapsedMs, expectedMs, slots, isHere };
}

function comparedCall(call: LiveCall, { placement, speed }: Backend): ComparedCall {
  const input = call.request.inputTokens;
  const { inputMs, outputMs } = speed.valueOf(call.request.model);
  const computed = placement.uncachedTokens(call) ?? input;
  return { input, inputMs: computed * inputMs, outputMs };
}

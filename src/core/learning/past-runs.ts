/**
 * The last finished runs of a tenant as wholes, call by call: a run in flight may go on as one of
 * those did that were like it. visit-samples.ts keeps sums of more runs, by which runs are ranked;
 * what a queue will look like depends on single calls and on what follows them.
 */
import { demandOf, type Speeds } from '../runs/demand.ts';
import type { CallRecord, RecordedRun, VisitRecord } from '../runs/recorded-run.ts';
import type { VisitState } from '../runs/visit-state.ts';
import { largestInput } from './run-timeline.ts';
import { MAX_VISIT_NUMBER } from './visit-samples.ts';

/** Bounds of one application, and of the tenant; the oldest runs go first. */
const MAX_OF_APP = { visits: 1_024, calls: 4_096 };
const MAX_OF_TENANT = { visits: 8_192, calls: 32_768 };

/** By what runs at a visit are compared: logarithms, so that differences are ratios. */
export const LIKENESS_FEATURES = 5;

/** A visit of a finished run. */
export interface PastVisit {
  readonly app: string;
  /** The run that it was part of. */
  readonly run: RecordedRun;
  readonly backend: string;
  readonly state: VisitState;
  readonly features: Float32Array;
  /** Logarithm of the mean output of its calls. */
  readonly logOutput: number;
  /** Time from its end to the next visit, ms. */
  readonly gapMs: number;
  /** The run's next visit; undefined where it was the last. */
  readonly next: PastVisit | undefined;
  /** Input tokens of its calls, the largest first; what was computed of them, and their output. */
  readonly inputs: Float32Array;
  readonly computed: Float32Array;
  readonly outputs: Float32Array;
  /** The rank of a run in this state, which nearly equal states share; undefined until it is asked. */
  rank: SharedRank | undefined;
}

/** A rank by a policy, and of how many finished runs it was learned; undefined: none was yet. */
export interface SharedRank {
  ms: number;
  ofRuns: number;
  by: string | undefined;
}

type StateName = Pick<VisitState, 'unit' | 'visit'>;

interface PastRun extends Size {
  readonly record: RecordedRun;
  readonly speeds: Speeds;
  /** Undefined until somebody asks for runs of its application. */
  read: readonly PastVisit[] | undefined;
}

interface Size {
  readonly visits: number;
  readonly calls: number;
}

interface PastRunsOfApp {
  /** The oldest first. */
  readonly runs: Set<PastRun>;
  /** Those that were not read yet; all of them came after those that were. */
  readonly unread: Set<PastRun>;
  readonly byState: Map<string, PastVisit[]>;
  visits: number;
  calls: number;
}

export class PastRuns {
  readonly #ofApp = new Map<string, PastRunsOfApp>();
  /** Of all applications, the oldest first. */
  readonly #runs = new Set<PastRun>();
  readonly #size = { visits: 0, calls: 0 };
  #visitsRead = 0;

  /**
   * Runs are read when runs of their application are asked for: after a restart that would take
   * 450 ms for 5,000 runs, before the first calls are answered.
   */
  learn(record: RecordedRun, speeds: Speeds): void {
    const run: PastRun = { record, speeds, ...sizeOf(record), read: undefined };
    if (!isWithin(run, MAX_OF_APP)) return;
    let ofApp = this.#ofApp.get(record.app);
    if (!ofApp) {
      ofApp = { runs: new Set(), unread: new Set(), byState: new Map(), visits: 0, calls: 0 };
      this.#ofApp.set(record.app, ofApp);
    }
    this.#count(run, ofApp, 1);
    this.#runs.add(run);
    ofApp.runs.add(run);
    ofApp.unread.add(run);
    while (!isWithin(ofApp, MAX_OF_APP)) this.#forget(ofApp.runs);
    while (!isWithin(this.#size, MAX_OF_TENANT)) this.#forget(this.#runs);
  }

  /**
   * Visits of this unit, and with this number if there are any; `isUsed`: of these runs only.
   */
  inState(
    app: string,
    { unit, visit: number }: StateName,
    isUsed?: (run: RecordedRun) => boolean,
  ): readonly PastVisit[] {
    const ofApp = this.#ofApp.get(app);
    if (!ofApp) return [];
    this.#visitsRead += readAll(ofApp);
    for (let visit = Math.min(number, MAX_VISIT_NUMBER); visit >= 1; visit -= 1) {
      const all = ofApp.byState.get(stateKey({ unit, visit }));
      const visits = isUsed ? all?.filter(({ run }) => isUsed(run)) : all;
      if (visits && visits.length > 0) return visits;
    }
    return [];
  }

  /** Visits that were read so far, which takes some time of whoever asks. */
  get visitsRead(): number {
    return this.#visitsRead;
  }

  /** True where no run has finished, so that nothing can be drawn. */
  get isEmpty(): boolean {
    return this.#runs.size === 0;
  }

  #forget(from: ReadonlySet<PastRun>): void {
    const [run] = from;
    const ofApp = run && this.#ofApp.get(run.record.app);
    if (!ofApp) return;
    this.#runs.delete(run);
    ofApp.runs.delete(run);
    ofApp.unread.delete(run);
    this.#count(run, ofApp, -1);
    for (const visit of run.read ?? []) {
      const key = stateKey(visit.state);
      // The oldest run's visits come first.
      const like = ofApp.byState.get(key);
      like?.splice(like.indexOf(visit), 1);
      if (like?.length === 0) ofApp.byState.delete(key);
    }
    if (ofApp.runs.size === 0) this.#ofApp.delete(run.record.app);
  }

  #count({ visits, calls }: Size, ofApp: PastRunsOfApp, by: 1 | -1): void {
    for (const size of [ofApp, this.#size]) {
      size.visits += by * visits;
      size.calls += by * calls;
    }
  }
}

/** Answers how many visits were read. */
function readAll({ unread, byState }: PastRunsOfApp): number {
  let visits = 0;
  for (const run of unread) {
    run.read = visitsOf(run.record, run.speeds);
    visits += run.read.length;
    for (const visit of run.read) {
      const key = stateKey(visit.state);
      const like = byState.get(key);
      if (like) like.push(visit);
      else byState.set(key, [visit]);
    }
  }
  unread.clear();
  return visits;
}

function sizeOf({ units }: RecordedRun): Size {
  return { visits: units.length, calls: units.reduce((n, { calls }) => n + calls.length, 0) };
}

/** The features of a state; `logBefore`: logarithm of the mean output of the visit before. */
export function featuresOf(state: VisitState, logBefore: number): Float32Array {
  const { fanOut, fanOutBefore, inputTokens, beforeMs } = state;
  const logs = [fanOut, fanOutBefore, inputTokens, beforeMs].map(Math.log1p);
  return Float32Array.from([...logs, logBefore]);
}

/** Logarithm of the mean output of calls, tokens; 0 without any. */
export function logOutputOf(calls: readonly CallRecord[]): number {
  if (calls.length === 0) return 0;
  const sum = calls.reduce((n, c) => n + ('service_ms' in c ? c.service_ms : c.output_tokens), 0);
  return Math.log1p(sum / calls.length);
}

function visitsOf(run: RecordedRun, speeds: Speeds): PastVisit[] {
  const { app, units } = run;
  const visits: PastVisit[] = [];
  let next: PastVisit | undefined;
  const states = statesOf(units, speeds);
  for (let i = units.length - 1; i >= 0; i -= 1) {
    const [visit, state] = [units[i], states[i]];
    if (!visit || !state) continue;
    const logBefore = logOutputOf(units[i - 1]?.calls ?? []);
    next = { app, run, next, ...pastVisit(visit, state, logBefore, speeds) };
    visits.push(next);
  }
  return visits.reverse();
}

function pastVisit(
  visit: VisitRecord,
  state: VisitState,
  logBefore: number,
  speeds: Speeds,
): Omit<PastVisit, 'app' | 'run' | 'next'> {
  const inputOf = (c: CallRecord) => ('service_ms' in c ? 0 : c.input_tokens);
  const calls = visit.calls.toSorted((a, b) => inputOf(b) - inputOf(a));
  const demands = calls.map((call) => demandOf(call, speeds(visit.backend)));
  return {
    backend: visit.backend,
    state,
    features: featuresOf(state, logBefore),
    logOutput: logOutputOf(calls),
    gapMs: visit.gap_ms ?? 0,
    inputs: Float32Array.from(calls, inputOf),
    computed: Float32Array.from(demands, ({ input }) => input),
    outputs: Float32Array.from(demands, ({ output }) => output),
    rank: undefined,
  };
}

/** The run's state in each of its visits. */
function statesOf(visits: readonly VisitRecord[], speeds: Speeds): VisitState[] {
  const numbers = new Map<string, number>();
  let [fanOutBefore, beforeMs] = [0, 0];
  return visits.map((visit) => {
    const number = (numbers.get(visit.unit) ?? 0) + 1;
    numbers.set(visit.unit, number);
    const fanOut = visit.calls.length;
    const inputTokens = largestInput(visit);
    const state = { unit: visit.unit, visit: number, fanOut, fanOutBefore, inputTokens, beforeMs };
    fanOutBefore += fanOut;
    const speed = speeds(visit.backend);
    for (const call of visit.calls) {
      const { input, output } = demandOf(call, speed);
      beforeMs += input * speed.inputMs + output * speed.outputMs;
    }
    return state;
  });
}

function isWithin(size: Size, most: Size): boolean {
  return size.visits <= most.visits && size.calls <= most.calls;
}

function stateKey({ unit, visit }: StateName): string {
  return `${Math.min(visit, MAX_VISIT_NUMBER)}:${unit}`;
}

/**
 * A second simulator to check the first one against. It is written from the rules of the formats
 * alone, with lists and linear searches where scripts/sim has heaps and the dispatcher: slow, short
 * and simple.
 */
import type { CallRecord, RecordedRun } from '../src/core/runs/recorded-run.ts';

/** The clairvoyant policy and those that need no model. */
export type ReferencePolicy = 'fcfs' | 'app-fcfs' | 'srpt';

/** A backend as in the cluster's JSON. */
export interface ReferenceBackend {
  readonly slots: number | null;
  readonly prefill_ms_per_token?: number;
  readonly decode_ms_per_token?: number;
  readonly cold_start_ms?: number;
  readonly idle_timeout_ms?: number;
}

interface Progress {
  readonly run: RecordedRun;
  visit: number;
  /** Calls of the current visit that have not ended. */
  open: number;
  remainingMs: number;
  completedMs: number;
}

interface Call {
  readonly of: Progress;
  readonly backend: Place;
  readonly serviceMs: number;
  readonly submittedAt: number;
  readonly seq: number;
}

interface Place {
  readonly spec: ReferenceBackend;
  used: number;
  waiting: Call[];
  /** When it is or was warm; undefined while it is cold. */
  warmAt: number | undefined;
  /** The time since which no call has been in service. */
  idleSince: number;
}

interface Timed<T> {
  readonly at: number;
  readonly created: number;
  readonly what: T;
}

/** The completion time of each run in ms, in the order of the trace. */
export function referenceCompletions(
  trace: readonly RecordedRun[],
  backends: Readonly<Record<string, ReferenceBackend>>,
  policy: ReferencePolicy,
): number[] {
  const places = new Map<string, Place>();
  for (const [name, spec] of Object.entries(backends)) {
    places.set(name, { spec, used: 0, waiting: [], warmAt: undefined, idleSince: 0 });
  }
  const placeOf = (name: string): Place => {
    const place = places.get(name);
    if (!place) throw new RangeError(`no backend ${name}`);
    return place;
  };
  let count = 0;
  const next = () => {
    count += 1;
    return count;
  };
  const ends: Timed<Call>[] = [];
  const arrivals: Timed<Progress>[] = [];

  const all = trace.map((run): Progress => {
    let remainingMs = 0;
    for (const unit of run.units) {
      const { spec } = placeOf(unit.backend);
      for (const call of unit.calls) remainingMs += serviceOf(call, spec);
    }
    return { run, visit: 0, open: 0, remainingMs, completedMs: Number.NaN };
  });
  for (const one of all) arrivals.push({ at: one.run.arrival_ms, created: next(), what: one });

  const submit = (of: Progress, now: number) => {
    const unit = of.run.units[of.visit];
    if (!unit) throw new RangeError('no such visit');
    const backend = placeOf(unit.backend);
    of.open = unit.calls.length;
    for (const call of unit.calls) {
      const serviceMs = serviceOf(call, backend.spec);
      backend.waiting.push({ of, backend, serviceMs, submittedAt: now, seq: next() });
    }
  };

  const end = ({ of, backend, serviceMs }: Call, now: number) => {
    backend.used -= 1;
    backend.idleSince = now;
    of.remainingMs -= serviceMs;
    of.open -= 1;
    if (of.open > 0) return;
    const gapMs = of.run.units[of.visit]?.gap_ms ?? 0;
    of.visit += 1;
    if (of.visit === of.run.units.length) of.completedMs = now;
    else if (gapMs > 0) arrivals.push({ at: now + gapMs, created: next(), what: of });
    else submit(of, now);
  };

  const rank = (call: Call) => {
    if (policy === 'fcfs') return call.submittedAt;
    return policy === 'app-fcfs' ? call.of.run.arrival_ms : call.of.remainingMs;
  };

  const dispatch = (place: Place, now: number) => {
    while (place.waiting.length > 0 && place.used < (place.spec.slots ?? Infinity)) {
      let first = place.waiting[0] as Call;
      for (const call of place.waiting) {
        if (rank(call) < rank(first) || (rank(call) === rank(first) && call.seq < first.seq)) {
          first = call;
        }
      }
      place.waiting = place.waiting.filter((call) => call !== first);
      const beginsAt = beginOn(place, now);
      place.used += 1;
      ends.push({ at: beginsAt + first.serviceMs, created: next(), what: first });
    }
  };

  for (;;) {
    const now = Math.min(...ends.map((e) => e.at), ...arrivals.map((a) => a.at));
    if (now === Infinity) return all.map((one) => one.completedMs);
    for (let e = takeAt(ends, now); e; e = takeAt(ends, now)) end(e, now);
    for (let a = takeAt(arrivals, now); a; a = takeAt(arrivals, now)) submit(a, now);
    for (const place of places.values()) dispatch(place, now);
  }
}

function serviceOf(call: CallRecord, spec: ReferenceBackend): number {
  if ('service_ms' in call) return call.service_ms;
  return (
    call.input_tokens * (spec.prefill_ms_per_token ?? 0) +
    call.output_tokens * (spec.decode_ms_per_token ?? 0)
  );
}

/** Dispatches a call; returns the time at which its service begins. */
function beginOn(place: Place, now: number): number {
  const { cold_start_ms: coldStartMs, idle_timeout_ms: idleMs } = place.spec;
  if (coldStartMs === undefined) return now;
  const idle = place.used === 0 && now - place.idleSince >= (idleMs ?? Infinity);
  if (place.warmAt === undefined || idle) place.warmAt = now + coldStartMs;
  return Math.max(now, place.warmAt);
}

/** Removes and returns an entry of this time, the one created first. */
function takeAt<T>(list: Timed<T>[], now: number): T | undefined {
  let at = -1;
  list.forEach((one, i) => {
    if (one.at === now && (at < 0 || one.created < (list[at]?.created ?? 0))) at = i;
  });
  return at < 0 ? undefined : list.splice(at, 1)[0]?.what;
}

/**
 * The waterfall of a run: one lane a call, with its spans of waiting, waking and service, and the
 * gaps in which nothing of the run waits or runs. From the times of its calls where those are known,
 * else from what is recorded of the run. Pure functions.
 */
import { CLIENT_BACKEND } from '../../../src/core/runs/call-request.ts';
import { demandOf, type Speeds, workMs } from '../../../src/core/runs/demand.ts';
import type { CallRecord, RecordedRun } from '../../../src/core/runs/recorded-run.ts';
import type { RunLane, RunSpan } from '../../../src/protocol/console/runs.ts';
import type { CallTimes } from '../call-times.ts';

/** Lanes shown of one run. */
export const LANES_SHOWN = 500;

/** Spans of a call by its times; the last goes on where the call does. */
export function spansOf(times: CallTimes): RunSpan[] {
  const { arrivedAt, grantedAt, endedAt, coldMs, firstByteMs, outputTokens } = times;
  const spans: RunSpan[] = [];
  const add = (kind: RunSpan['kind'], from: number, to: number | null) => {
    if (to === null || to > from) spans.push({ kind, from, to });
  };
  const slotAt = grantedAt ?? endedAt;
  const wokenAt = Math.min(arrivedAt + coldMs, slotAt ?? Infinity);
  add('waking', arrivedAt, wokenAt);
  add('waiting', wokenAt, slotAt);
  if (grantedAt === null) return spans;
  const isTokens = outputTokens !== null;
  if (firstByteMs === null || !isTokens) {
    add('service', grantedAt, endedAt);
    return spans;
  }
  const byteAt = Math.min(grantedAt + firstByteMs, endedAt ?? Infinity);
  add('prefill', grantedAt, byteAt);
  add('decode', byteAt, endedAt);
  return spans;
}

/** Lanes of calls with known times, in the order of their submission. */
export function lanesOf(
  calls: readonly CallTimes[],
  labels: ReadonlyMap<string, string>,
): RunLane[] {
  const visits = new Map<string, { number: number; until: number }>();
  let visit = 0;
  return [...calls]
    .sort((a, b) => a.arrivedAt - b.arrivedAt)
    .map((times) => {
      const { unit, backend, arrivedAt, endedAt } = times;
      const until = endedAt ?? Infinity;
      let open = visits.get(unit);
      // Calls of a unit that overlap are one fan-out.
      if (!open || open.until < arrivedAt) {
        visit += 1;
        open = { number: visit, until };
        visits.set(unit, open);
      }
      open.until = Math.max(open.until, until);
      const label = labels.get(unit);
      return {
        call: times.call,
        visit: open.number,
        unit,
        ...(label === undefined ? {} : { unitLabel: label }),
        backend,
        endpoint: times.endpoint,
        attempts: times.attempts,
        outcome: times.outcome,
        measured: true,
        inputTokens: times.inputTokens,
        cachedTokens: times.cachedTokens,
        outputTokens: times.outputTokens,
        spans: spansOf(times),
      };
    });
}

/**
 * Lanes of a recorded run whose times are not known: its calls take what is expected at the present
 * speeds, and no longer together than the run took.
 */
export function placedLanes(record: RecordedRun, finishedAt: number, speeds: Speeds): RunLane[] {
  const lengthsMs = record.units.map(({ backend, calls }) =>
    calls.map((call) => {
      const speed = speeds(backend);
      return 'service_ms' in call ? call.service_ms : workMs(demandOf(call, speed), speed);
    }),
  );
  const longestMs = lengthsMs.reduce((sum, calls) => sum + Math.max(0, ...calls), 0);
  const gapsMs = record.units.reduce((sum, { gap_ms = 0 }) => sum + gap_ms, 0);
  const thereMs = Math.max(0, finishedAt - record.arrival_ms - gapsMs);
  const scale = longestMs > thereMs ? thereMs / longestMs : 1;
  const lanes: RunLane[] = [];
  let at = record.arrival_ms;
  for (const [i, { unit, backend, label, calls, gap_ms = 0 }] of record.units.entries()) {
    const lengths = (lengthsMs[i] ?? []).map((ms) => ms * scale);
    for (const [j, call] of calls.entries()) {
      const kind = backend === CLIENT_BACKEND ? 'own' : 'service';
      const span: RunSpan = { kind, from: at, to: at + (lengths[j] ?? 0) };
      const named = { unit, backend, ...(label === undefined ? {} : { unitLabel: label }) };
      lanes.push({ ...UNTIMED, ...named, visit: i + 1, ...tokensOf(call), spans: [span] });
    }
    at += Math.max(0, ...lengths) + gap_ms;
  }
  return lanes;
}

const UNTIMED = {
  call: null,
  endpoint: null,
  attempts: 1,
  outcome: 'succeeded',
  measured: false,
} as const;

function tokensOf(
  call: CallRecord,
): Pick<RunLane, 'inputTokens' | 'cachedTokens' | 'outputTokens'> {
  if ('service_ms' in call) return { inputTokens: null, cachedTokens: null, outputTokens: null };
  const { input_tokens: inputTokens, cached_tokens: cachedTokens = null } = call;
  return { inputTokens, cachedTokens, outputTokens: call.output_tokens };
}

/** Times between lanes in which nothing waits or runs. */
export function gapsOf(lanes: readonly RunLane[]): RunSpan[] {
  const gaps: RunSpan[] = [];
  let until = Number.NEGATIVE_INFINITY;
  const spans = lanes.flatMap((lane) => lane.spans).sort((a, b) => a.from - b.from);
  for (const { from, to } of spans) {
    if (until > Number.NEGATIVE_INFINITY && from > until) {
      gaps.push({ kind: 'gap', from: until, to: from });
    }
    until = Math.max(until, to ?? Infinity);
  }
  return gaps;
}

/** Time in which at least one call waited, ms; `now` ends what goes on. */
export function waitedMs(spans: readonly RunSpan[], now: number): number {
  const waits = spans
    .filter(({ kind }) => kind === 'waiting' || kind === 'waking')
    .sort((a, b) => a.from - b.from);
  let [sum, until] = [0, Number.NEGATIVE_INFINITY];
  for (const { from, to } of waits) {
    const end = to ?? now;
    sum += Math.max(0, end - Math.max(from, until));
    until = Math.max(until, end);
  }
  return Math.round(sum);
}

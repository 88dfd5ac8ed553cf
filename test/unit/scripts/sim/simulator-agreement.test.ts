/**
 * The simulator, which contains the dispatcher, against reference-simulator.ts, which shares no
 * code with it: the completion time of every run, on random traces with loops, fan-outs, gaps,
 * equal times, calls of length 0, several backends with and without slot limits, and backends that
 * go cold.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCluster } from '../../../../scripts/sim/cluster.ts';
import { simulate } from '../../../../scripts/sim/simulator.ts';
import type { RecordedRun } from '../../../../src/core/runs/recorded-run.ts';
import {
  type ReferenceBackend,
  type ReferencePolicy,
  referenceCompletions,
} from '../../../reference-simulator.ts';

type Backends = Record<string, ReferenceBackend>;
const POLICIES: readonly ReferencePolicy[] = ['fcfs', 'app-fcfs', 'srpt'];
const OPTIONS = { alpha: 0.5, theta: 0.25, seed: 1, prewarm: 'off', history: [] } as const;

function simulated(runs: readonly RecordedRun[], backends: Backends, policy: ReferencePolicy) {
  const cluster = parseCluster({ backends }, 'test');
  return simulate(runs, cluster, { ...OPTIONS, policy }).runs.map((r) => r.completedMs);
}

function expectAgreement(runs: readonly RecordedRun[], backends: Backends): void {
  for (const policy of POLICIES) {
    const ours = simulated(runs, backends, policy);
    const theirs = referenceCompletions(runs, backends, policy);
    expect(ours).toHaveLength(theirs.length);
    theirs.forEach((ms, i) => {
      if (Math.abs(ms - (ours[i] ?? Number.NaN)) <= 1e-6) return;
      throw new Error(`${policy}: ${runs[i]?.run} completes at ${ours[i]}, expected ${ms}`);
    });
  }
}

/**
 * Eighths of a ms: their sums are exact in floating point, so equal times and equal work compare
 * equal in whatever order they were added.
 */
const eighths = (max: number) => fc.nat(max * 8).map((n) => n / 8);
/** Few values including 0, so that many of them are equal. */
const tied = fc.constantFrom(0, 0, 1, 2, 2, 3, 5, 10);
const slots = fc.constantFrom(null, 1, 1, 2, 3);

function backendsOf(ms: fc.Arbitrary<number>): fc.Arbitrary<Backends> {
  const speed = fc.constantFrom(0, 0.125, 0.5, 1, 3);
  return fc.record({
    llm: fc.record({ slots, prefill_ms_per_token: speed, decode_ms_per_token: speed }),
    tool: fc.record({ slots }),
    gpu: fc.record({
      slots,
      prefill_ms_per_token: speed,
      decode_ms_per_token: speed,
      cold_start_ms: ms,
      idle_timeout_ms: ms,
    }),
  });
}

function traceOf(ms: fc.Arbitrary<number>): fc.Arbitrary<RecordedRun[]> {
  const tokens = fc.record({ input_tokens: fc.nat(4), output_tokens: fc.nat(4) });
  const timed = fc.record({ service_ms: ms });
  // Few names, so that units are visited again: loops.
  const unit = fc.record({
    unit: fc.constantFrom('plan', 'act'),
    backend: fc.constantFrom('llm', 'llm', 'tool', 'gpu'),
    gap: fc.option(ms, { nil: undefined }),
    calls: fc.array(fc.oneof(tokens, timed), { minLength: 1, maxLength: 4 }),
  });
  const run = fc.record({
    arrival_ms: ms,
    units: fc.array(unit, { minLength: 1, maxLength: 5 }),
  });
  return fc.array(run, { minLength: 1, maxLength: 14 }).map((runs) =>
    // In the order of the file, which can differ from the order of arrival.
    runs.map(({ arrival_ms, units }, i) => ({
      run: `r${i}`,
      app: `app${i % 2}`,
      arrival_ms,
      units: units.map(({ gap, backend, calls, ...rest }) => ({
        ...rest,
        backend,
        ...(gap === undefined ? {} : { gap_ms: gap }),
        calls: calls.map((call) =>
          backend === 'tool' && !('service_ms' in call) ? { service_ms: call.output_tokens } : call,
        ),
      })),
    })),
  );
}

describe('the simulator agrees with the reference', () => {
  it('if almost all events have equal times', () => {
    fc.assert(fc.property(traceOf(tied), backendsOf(tied), expectAgreement), { numRuns: 250 });
  });

  it('if hardly any events have equal times', () => {
    const ms = eighths(1_000);
    fc.assert(fc.property(traceOf(ms), backendsOf(ms), expectAgreement), { numRuns: 120 });
  });

  it('on a long trace under load', () => {
    const ms = fc.oneof({ weight: 3, arbitrary: tied }, eighths(40));
    fc.assert(
      fc.property(
        fc.array(traceOf(ms), { minLength: 15, maxLength: 25 }),
        backendsOf(ms),
        (parts, backends) => {
          const runs = parts.flatMap((part, p) =>
            part.map((one) => ({
              ...one,
              run: `${p}-${one.run}`,
              arrival_ms: one.arrival_ms + 10 * p,
            })),
          );
          expectAgreement(runs, backends);
        },
      ),
      { numRuns: 8 },
    );
  });
});

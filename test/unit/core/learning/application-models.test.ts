/** Runs that are learned in parts after a restart teach what they teach at once, whatever comes between. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ApplicationModels,
  type StoredRun,
} from '../../../../src/core/learning/application-models.ts';
import { type Random, seededRandom } from '../../../../src/core/learning/random.ts';
import type { Speeds } from '../../../../src/core/runs/demand.ts';
import type { VisitRecord } from '../../../../src/core/runs/recorded-run.ts';
import { stateAt } from '../../../run-builders.ts';

const APPS = ['a', 'b', 'c'];
const UNITS = ['plan', 'act', 'check'];
const BACKENDS = ['llm', 'tool'];

/** A run as it ends at `at`; every so often the demand of its application shifts. */
function finishedRun(random: Random, i: number): StoredRun {
  const scale = i % 400 < 200 ? 1 : 6;
  const units = Array.from({ length: 1 + Math.floor(4 * random()) }, (): VisitRecord => {
    const unit = UNITS[Math.floor(random() * UNITS.length)] ?? '';
    const gap_ms = Math.floor(random() * 5_000);
    if (random() < 0.3) {
      return { unit, backend: 'tool', gap_ms, calls: [{ service_ms: 1 + 900 * random() }] };
    }
    const tokens = () => Math.floor(scale * (50 + 500 * random()));
    const calls = [{ input_tokens: tokens(), output_tokens: tokens() }];
    return { unit, backend: 'llm', gap_ms, calls };
  });
  const app = APPS[Math.floor(random() ** 2 * APPS.length)] ?? '';
  return { record: { run: `r${i}`, app, arrival_ms: i, units }, finishedAt: i * 1_000 };
}

/** Speeds that others change at any time. */
function changingSpeeds() {
  const now = { outputMs: 2 };
  const speeds: Speeds = (name) =>
    name === 'tool' ? { inputMs: 0, outputMs: 1 } : { inputMs: 0.1, outputMs: now.outputMs };
  return { now, speeds };
}

/** All that can be seen of what was learned, and by what is learned next also of the generator. */
function learned(models: ApplicationModels) {
  const speeds: Speeds = () => ({ inputMs: 0.1, outputMs: 2 });
  const random = seededRandom(9);
  const seen = () =>
    [...models.all()].map((model) => ({
      view: model.view(),
      drifts: model.graph.drifts,
      silenceMs: model.silence.silenceMs({ assumedMs: 1, leastMs: 0 }),
      samples: BACKENDS.map((backend) => [...model.totalMs(backend, speeds)]),
      needs: UNITS.map((unit) => model.samples.needTimes(stateAt(unit), 'tool')),
      past: UNITS.map((unit) => {
        // Work before a visit is by the speeds of the time when somebody first asks.
        const visits = models.past.inState(model.app, { unit, visit: 2 });
        return visits.map(({ gapMs, inputs, outputs }) => ({ gapMs, inputs, outputs }));
      }),
    }));
  const prior = models
    .modelOrPrior('unknown')
    .rankMs({ state: stateAt('x'), backend: 'llm', attainedMs: 0, speeds, slots: 1 });
  const before = seen();
  for (let i = 0; i < 300; i += 1) {
    const { record, finishedAt } = finishedRun(random, 10_000 + i);
    models.learn(record, finishedAt, speeds);
  }
  return { before, prior, after: seen() };
}

/** Some parts are read, after these runs have ended at this speed, and these pauses. */
const step = fc.record({
  runs: fc.integer({ min: 1, max: 120 }),
  ended: fc.nat(5),
  pauses: fc.nat(2),
  outputMs: fc.constantFrom(1, 2, 30),
});

/** The stored runs in parts of these lengths: those from `newest` on first, then all but the rest. */
function partsOf(stored: readonly StoredRun[], newest: number, lengths: readonly number[]) {
  const left = { newest: stored.slice(newest), next: [...stored] };
  const parts = lengths.map((length) => {
    const part: keyof typeof left = left.newest.length > 0 ? 'newest' : 'next';
    return { part, runs: left[part].splice(0, length) };
  });
  return { parts, rest: left.next };
}

describe('runs that were stored', () => {
  it('teach in parts what they teach at once, whatever ends and changes in between', () => {
    fc.assert(
      fc.property(
        fc.nat(700),
        fc.nat(300),
        fc.array(step, { minLength: 1, maxLength: 20 }),
        fc.nat(1_000),
        (count, newest, steps, seed) => {
          const random = seededRandom(seed);
          const stored = Array.from({ length: count }, (_, i) => finishedRun(random, i));
          const lengths = steps.map(({ runs }) => runs);
          const { parts, rest } = partsOf(stored, Math.max(0, count - newest), lengths);
          const slow = new ApplicationModels(seededRandom(1));
          const once = new ApplicationModels(seededRandom(1));
          const { now, speeds } = changingSpeeds();
          for (const models of [slow, once]) models.beginReading(BACKENDS, speeds);
          once.read(stored);
          once.endReading();
          steps.forEach(({ ended, pauses, outputMs }, i) => {
            now.outputMs = outputMs;
            const runs = Array.from({ length: ended }, () => finishedRun(random, count + i));
            for (const models of [slow, once]) {
              for (const { record, finishedAt } of runs) models.learn(record, finishedAt, speeds);
              for (let n = 0; n < pauses; n += 1) models.paused('a', 7_000 + n);
            }
            const { part, runs: read = [] } = parts[i] ?? {};
            if (part === 'newest') slow.readNewest(read);
            else slow.read(read);
          });
          slow.read(rest);
          expect(slow.isReading).toBe(true);
          slow.endReading();
          expect(slow.isReading).toBe(false);
          expect(learned(slow)).toEqual(learned(once));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('are decided by from the newest part on, together with what ended meanwhile', () => {
    const random = seededRandom(1);
    const stored = Array.from({ length: 600 }, (_, i) => finishedRun(random, i));
    const { speeds } = changingSpeeds();
    const models = new ApplicationModels(seededRandom(1));
    models.beginReading(BACKENDS, speeds);
    const runs = () => [...models.all()].reduce((sum, { graph }) => sum + graph.runs, 0);
    models.read(stored.slice(0, 100));
    expect(runs()).toBe(0);
    models.readNewest(stored.slice(500));
    const last = finishedRun(random, 601);
    models.learn(last.record, last.finishedAt, speeds);
    expect(runs()).toBe(101);
    models.read(stored.slice(100));
    models.endReading();
    expect(runs()).toBe(601);
  });
});

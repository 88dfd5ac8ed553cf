/** A restored dispatcher learns the stored runs in parts, and no call waits for that. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DispatchEvent } from '../../../../src/core/dispatch/dispatch-events.ts';
import type { DispatcherConfig } from '../../../../src/core/dispatch/dispatcher-config.ts';
import { restoredDispatcher } from '../../../../src/core/dispatch/restored-dispatcher.ts';
import type { StoredRun } from '../../../../src/core/learning/application-models.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { CallRequest } from '../../../../src/core/runs/call-request.ts';
import { LiveRun } from '../../../../src/core/runs/live-run.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';
import { llm, runOf } from '../../../run-builders.ts';

const NOW = 1_000_000;

const submitted = (call: CallRequest): DispatchEvent => ({ type: 'submitted', call });
const read = (part: 'newest' | 'next' | 'last', runs: readonly StoredRun[] = []) =>
  ({ type: 'runs-read', part, runs }) as const;

/** Runs of one unit whose calls have so many output tokens. */
const runsOf = (app: string, outputs: readonly number[]): StoredRun[] =>
  outputs.map((output, i) => ({ record: runOf(app, llm('unit', [output])), finishedAt: i }));

interface Fields extends Partial<DispatcherConfig> {
  readonly slots?: number;
  readonly leases?: readonly CallRequest[];
  readonly running?: readonly LiveRun[];
}

function restored({ leases = [], running = [], ...config }: Fields = {}) {
  const lease = { endpoint: 'e1', grantedAt: NOW, lengthMs: 90_000, expiresAt: NOW + 90_000 };
  const stored = {
    backends: [],
    hasUnread: true,
    running: running.map((run) => run.snapshot()),
    leases: leases.map((request) => ({ request, lease: { ...lease } })),
  };
  return restoredDispatcher(configOf(config), { random: seededRandom(1) }, stored, NOW);
}

describe('a restored dispatcher', () => {
  it('grants and ends calls before the stored runs are read and while they are', () => {
    const dispatcher = restored();
    for (const part of ['newest', 'next', 'next'] as const) {
      const call = callRequest(part, { arrivedAt: NOW });
      const effects = dispatcher.step([submitted(call)], NOW);
      expect(effects).toMatchObject([{ type: 'granted', callId: part }]);
      dispatcher.step([read(part, runsOf('app', [5]))], NOW);
      const result = okResult(10);
      expect(dispatcher.step([{ type: 'ended', callId: part, result }], NOW)).toMatchObject([
        { type: 'released' },
      ]);
    }
    expect(dispatcher.isReading).toBe(true);
    dispatcher.step([read('last', runsOf('app', [5]))], NOW);
    expect(dispatcher.isReading).toBe(false);
    expect(dispatcher.models.model('app')?.graph.runs).toBe(3);
  });

  it('asks for no step while it reads but for what calls are due', () => {
    const idle = restored({ running: [new LiveRun('run', 'app', NOW - 1_000_000)] });
    expect(idle.dueAt(NOW)).toBe(Infinity);
    const busy = restored({ leases: [callRequest('x')] });
    let at = NOW;
    for (let steps = 0; busy.call('x') && steps < 10; steps += 1) {
      at = busy.dueAt(at);
      busy.step([{ type: 'tick' }], at);
    }
    expect(busy.call('x')).toBeUndefined();
    expect(at).toBeGreaterThanOrEqual(NOW + 90_000);
  });

  it('lowers the keys of calls that waited before their application was known, and raises none', () => {
    const leases = [callRequest('x'), callRequest('y')];
    const dispatcher = restored({ leases });
    dispatcher.step([submitted(callRequest('a', { app: 'short', arrivedAt: NOW }))], NOW);
    dispatcher.step([submitted(callRequest('b', { app: 'long', arrivedAt: NOW }))], NOW);
    const rankOf = (id: string) => {
      const call = dispatcher.call(id);
      return (call && dispatcher.queueRank(call)) ?? { rankMs: Number.NaN };
    };
    const before = { a: rankOf('a'), b: rankOf('b') };
    const [short, long] = [Array(30).fill(3), Array(30).fill(90_000)];
    dispatcher.step([read('newest', runsOf('short', short))], NOW);
    dispatcher.step([read('next')], NOW);
    expect(rankOf('a').rankMs).toBeLessThan(before.a.rankMs / 10);
    dispatcher.step([read('last', [...runsOf('short', short), ...runsOf('long', long)])], NOW);
    expect(rankOf('a').rankMs).toBeLessThan(before.a.rankMs / 10);
    expect(rankOf('b')).toEqual(before.b);
    // Known now, a run of it is ranked as the long one that it is.
    dispatcher.step([submitted(callRequest('c', { app: 'long', arrivedAt: NOW }))], NOW);
    expect(rankOf('c').rankMs).toBeGreaterThan(before.b.rankMs * 10);
  });

  it('ends no run by its silence until it has read how long the others were silent', () => {
    const pausing = Array.from({ length: 30 }, (_, i) => {
      const units = [{ ...llm('unit', [5]), gap_ms: 100_000 }, llm('unit', [5])];
      return { record: runOf('app', ...units), finishedAt: i };
    });
    const run = new LiveRun('run', 'app', NOW - 60_000);
    const dispatcher = restored({ running: [run], runSilenceMs: 30_000 });
    expect(dispatcher.step([{ type: 'tick' }], NOW)).toEqual([]);
    dispatcher.step([read('last', pausing)], NOW);
    // Three times the longest pause, and not the 30 s that are assumed.
    const dueAt = dispatcher.dueAt(NOW);
    expect(dueAt).toBe(NOW - 60_000 + 300_000);
    expect(dispatcher.step([{ type: 'tick' }], dueAt)).toMatchObject([
      { type: 'run-finished', runId: 'run' },
    ]);
  });

  it('wakes for calls that wait at once, and ahead of need once all is read', () => {
    const coldStart = { estimateMs: 10_000, idleTimeoutMs: 60_000 };
    const cold = backendSpec({
      endpoints: [{ id: 'c1', slots: 1, coldStart }],
      prewarm: { mode: 'on', theta: 0.25 },
    });
    const backends = { llm: backendSpec({ slots: 4 }), cold };
    const [first, second] = [restored({ backends }), restored({ backends })];
    const waiting = callRequest('w', { backend: 'cold', arrivedAt: NOW });
    expect(first.step([submitted(waiting)], NOW)).toMatchObject([{ type: 'wake' }]);
    // Each run goes on to the cold backend.
    const going = Array.from({ length: 40 }, (_, i) => {
      const next = { ...llm('next', [5]), backend: 'cold' };
      return { record: runOf('app', llm('unit', [5]), next), finishedAt: i };
    });
    second.step([submitted(callRequest('a', { arrivedAt: NOW }))], NOW);
    expect(second.step([read('newest', going)], NOW)).toEqual([]);
    expect(second.step([read('last', going)], NOW + 300)).toMatchObject([
      { type: 'wake', backend: 'cold', wake: { cause: 'prewarm' } },
    ]);
  });

  it('knows at the end what one knows that read all at once, whatever calls ended meanwhile', () => {
    const random = seededRandom(3);
    const stored = Array.from({ length: 300 }, (_, i) => {
      const outputs = Array.from({ length: 1 + Math.floor(3 * random()) }, () => 900 * random());
      return {
        record: runOf(`app${i % 3}`, ...outputs.map((n) => llm('unit', [n]))),
        finishedAt: i,
      };
    });
    const step = fc.record({ runs: fc.nat(40), calls: fc.nat(6), serviceMs: fc.nat(5_000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 15 }), (steps) => {
        const [parts, once] = [restored({ slots: 1_000 }), restored({ slots: 1_000 })];
        once.step([read('last', stored)], NOW);
        parts.step([read('newest', stored.slice(-50))], NOW);
        let [at, now, calls] = [0, NOW, 0];
        for (const { runs, serviceMs, ...between } of steps) {
          for (let i = 0; i < between.calls; i += 1) {
            now += 10;
            calls += 1;
            const callId = `c${calls}`;
            const fields = { app: `app${calls % 4}`, arrivedAt: now, final: calls % 3 > 0 };
            const result = okResult(calls % 70, { serviceMs });
            for (const dispatcher of [parts, once]) {
              dispatcher.step([submitted(callRequest(callId, fields))], now);
              dispatcher.step([{ type: 'ended', callId, result }], now);
            }
          }
          parts.step([read('next', stored.slice(at, at + runs))], now);
          at += runs;
        }
        parts.step([read('last', stored.slice(at))], now);
        const views = [parts, once].map(({ models }) => [...models.all()].map((m) => m.view()));
        expect(views[0]).toEqual(views[1]);
      }),
      { numRuns: 50 },
    );
  });
});

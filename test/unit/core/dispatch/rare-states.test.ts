/** Rare states of the dispatcher: no call waits without end in them, and nothing is lost. */

import { describe, expect, it } from 'vitest';
import type { BackendSpec } from '../../../../src/core/backends/backend-spec.ts';
import type { DispatchEvent, Effect } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { LiveRun } from '../../../../src/core/runs/live-run.ts';
import type { RecordedRun } from '../../../../src/core/runs/recorded-run.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';

const COLD = { estimateMs: 20_000, idleTimeoutMs: 60_000 };
const HOUR_MS = 3_600_000;

function dispatcherOf(backends: Record<string, BackendSpec>, now = 0, seed = 1): Dispatcher {
  return new Dispatcher(configOf({ backends }), { random: seededRandom(seed) }, now);
}

function recorded(units: RecordedRun['units'], app = 'app'): RecordedRun {
  return { run: 'h', app, arrival_ms: 0, units };
}

const typesOf = (effects: readonly Effect[]) => effects.map((e) => e.type);

describe('a unit whose only sample has faded', () => {
  it('still has a rank, whichever sample was lost', () => {
    for (let seed = 1; seed <= 8; seed += 1) {
      const tool = backendSpec({ slots: 1 });
      const dispatcher = dispatcherOf({ llm: backendSpec({ slots: 4 }), tool }, 0, seed);
      const learn = (output: number, ...more: RecordedRun['units']) => {
        const call = { input_tokens: 100, output_tokens: output };
        const units = [{ unit: 'main', backend: 'llm', calls: [call] }, ...more];
        dispatcher.models.learn(recorded(units), 0, dispatcher.speeds);
      };
      learn(100, { unit: 'rare', backend: 'tool', calls: [{ service_ms: 500 }] });
      for (let i = 0; i < 15; i += 1) learn(100 + (i % 3));
      // The behaviour changes, as if the model were replaced, so older samples fade.
      for (let i = 0; i < 6; i += 1) learn(2_000);
      const submit = (id: string, now: number) => {
        const about = { runId: id, app: 'app', unit: 'rare', backend: 'tool' } as const;
        const call = callRequest(id, { ...about, kind: 'service', inputTokens: 0, arrivedAt: now });
        return typesOf(dispatcher.step([{ type: 'submitted', call }], now));
      };
      expect(submit('a', 1_000)).toEqual(['granted']);
      expect(submit('b', 1_001)).toEqual([]);
      const ended: DispatchEvent = { type: 'ended', callId: 'a', result: okResult(0) };
      expect(typesOf(dispatcher.step([ended], 2_000))).toContain('granted');
    }
  });
});

describe('beside a call that waits for another endpoint', () => {
  it('free slots are given away, however short the queue', () => {
    const endpoints = [
      { id: 'a', slots: 8 },
      { id: 'b', slots: 8, coldStart: COLD },
    ];
    const dispatcher = dispatcherOf({ llm: backendSpec({ queueDepth: 1, endpoints }) });
    dispatcher.step([{ type: 'submitted', call: callRequest('x') }], 0);
    const failed = okResult(0, { outcome: 'failed', endpointFault: true });
    dispatcher.step([{ type: 'ended', callId: 'x', again: true, result: failed }], 10);
    expect(dispatcher.backends.get('llm')?.queue.size).toBe(1);
    for (let i = 0; i < 7; i += 1) {
      const call = callRequest(`y${i}`, { arrivedAt: 20 });
      expect(typesOf(dispatcher.step([{ type: 'submitted', call }], 20))).toEqual(['granted']);
    }
  });
});

describe('an endpoint that says that it is overloaded', () => {
  it('counts with its reduced slots: another endpoint is woken for the calls that wait', () => {
    const endpoints = [
      { id: 'a', slots: 64 },
      { id: 'b', slots: 64, coldStart: COLD },
    ];
    const dispatcher = dispatcherOf({ llm: backendSpec({ endpoints }) });
    const ids = Array.from({ length: 64 }, (_, i) => `c${i}`);
    dispatcher.step(
      ids.map((id) => ({ type: 'submitted', call: callRequest(id) })),
      0,
    );
    const result = okResult(0, { outcome: 'failed', busy: true });
    const effects: Effect[] = [];
    for (let now = 100; now <= 800; now += 100) {
      for (const callId of ids) {
        const lease = dispatcher.call(callId)?.lease;
        const running = dispatcher.backends.get('llm')?.pool.running ?? 0;
        if (!lease || lease.grantedAt === now || running === 1) continue;
        effects.push(...dispatcher.step([{ type: 'ended', callId, again: true, result }], now));
      }
    }
    expect(dispatcher.backends.get('llm')?.waiting).toBeGreaterThan(0);
    expect(typesOf(effects)).toContain('wake');
  });
});

describe('after a restart', () => {
  it('a conversation whose call comes again is the same run', () => {
    const backends = { llm: backendSpec({ slots: 1 }) };
    const before = dispatcherOf(backends);
    const call = (id: string, turn: number, arrivedAt: number) =>
      callRequest(id, { runId: 'talk', turn, print: id, arrivedAt });
    before.step([{ type: 'submitted', call: call('c1', 2, 0) }], 0);
    before.step([{ type: 'ended', callId: 'c1', result: okResult(50) }], 100);
    before.step([{ type: 'submitted', call: call('c2', 4, 1_000) }], 1_000);
    const snapshots = JSON.stringify([...before.register.runs.values()].map((r) => r.snapshot()));
    const lease = before.call('c2')?.lease;
    for (const leases of [[], lease ? [{ request: call('c2', 4, 1_000), lease }] : []]) {
      const after = dispatcherOf(backends, 2_000);
      after.restore(JSON.parse(snapshots).map(LiveRun.restore), leases);
      const effects = after.step([{ type: 'submitted', call: call('c2', 4, 1_000) }], 2_000);
      expect(typesOf(effects)).toEqual(['granted']);
      after.step([{ type: 'ended', callId: 'c2', result: okResult(60) }], 3_000);
      expect([...after.register.runs.values()].map((r) => r.visits.length)).toEqual([2]);
      // A call with a shorter prompt begins another run, as before the restart.
      after.step([{ type: 'submitted', call: call('c3', 2, 4_000) }], 4_000);
      expect([...after.register.runs.keys()]).toEqual(['talk', 'talk~2']);
    }
  });

  it('the needs of runs that go on are forecast without a further call', () => {
    const backends = {
      a: backendSpec({ slots: 4 }),
      b: backendSpec({
        endpoints: [{ id: 'e', slots: 4, coldStart: COLD }],
        prewarm: { mode: 'on', theta: 0.25 },
      }),
    };
    const calls = [{ input_tokens: 100, output_tokens: 1_000 }];
    const make = (now: number) => {
      const dispatcher = dispatcherOf(backends, now);
      for (let i = 0; i < 30; i += 1) {
        const units = [
          { unit: 'u1', backend: 'a', gap_ms: 30_000, calls },
          { unit: 'u2', backend: 'b', calls },
        ];
        dispatcher.models.learn(recorded(units), 0, dispatcher.speeds);
      }
      return dispatcher;
    };
    const before = make(0);
    const call = callRequest('c1', { runId: 'r', app: 'app', unit: 'u1', backend: 'a' });
    before.step([{ type: 'submitted', call }], 0);
    before.step([{ type: 'ended', callId: 'c1', result: okResult(1_000) }], 1_000);
    const runs = JSON.stringify([...before.register.runs.values()].map((r) => r.snapshot()));
    const after = make(2_000);
    after.restore(JSON.parse(runs).map(LiveRun.restore), []);
    const effects: Effect[] = [];
    for (let now = after.dueAt(2_000); now < 31_000; now = Math.max(now + 1, after.dueAt(now))) {
      effects.push(...after.step([{ type: 'tick' }], now));
    }
    expect(typesOf(effects)).toContain('wake');
  });

  it('the first run of an application says nothing about the rate of its runs', () => {
    const dispatcher = dispatcherOf({ a: backendSpec({ slots: 4 }), b: backendSpec({ slots: 4 }) });
    const calls = [{ input_tokens: 100, output_tokens: 1_000 }];
    const units = ['a', 'b'].map((backend) => ({ unit: `at-${backend}`, backend, calls }));
    for (let i = 0; i < 30; i += 1) {
      dispatcher.models.learn(recorded(units), 0, dispatcher.speeds);
    }
    dispatcher.appArrivals.arrived('app', HOUR_MS);
    expect(dispatcher.appArrivals.expectedNeeds('b', HOUR_MS, 60_000)).toBeLessThan(0.2);
    dispatcher.appArrivals.arrived('app', HOUR_MS + 10_000);
    expect(dispatcher.appArrivals.expectedNeeds('b', HOUR_MS + 10_000, 60_000)).toBeGreaterThan(1);
  });
});

describe('a forecast', () => {
  const calls = [{ input_tokens: 100, output_tokens: 1_000 }];
  const prewarm = { mode: 'on', theta: 0.25 } as const;

  it('includes a run behind a thousand others that never use the backend', () => {
    const endpoints = [{ id: 'e', slots: 4, coldStart: COLD }];
    const backends = { a: backendSpec({ slots: 2_000 }), b: backendSpec({ endpoints, prewarm }) };
    const dispatcher = dispatcherOf(backends);
    const first = { unit: 'u1', backend: 'a', calls };
    for (let i = 0; i < 30; i += 1) {
      const units = [first, { unit: 'u2', backend: 'b', calls }];
      dispatcher.models.learn(recorded(units, 'goes-on'), 0, dispatcher.speeds);
      dispatcher.models.learn(recorded([first], 'stays'), 0, dispatcher.speeds);
    }
    const begin = (id: string, app: string): DispatchEvent => {
      const about = { runId: id, app, unit: 'u1', backend: 'a' } as const;
      return { type: 'submitted', call: callRequest(id, about) };
    };
    const stay = Array.from({ length: 1_000 }, (_, i) => begin(`s${i}`, 'stays'));
    const wakes = (effects: Effect[]) => effects.filter((e) => e.type === 'wake').length;
    expect(wakes(dispatcher.step(stay, 0))).toBe(0);
    expect(wakes(dispatcher.step([begin('g', 'goes-on')], 1_000))).toBe(1);
  });

  it('is a number where slots are without limit', () => {
    const endpoints = ['e', 'f'].map((id) => ({ id, slots: Infinity, coldStart: COLD }));
    const dispatcher = dispatcherOf({ b: backendSpec({ endpoints, prewarm }) });
    const woken = { type: 'wake-answered', backend: 'b', ok: true, tookMs: 20_000 } as const;
    for (const endpoint of ['e', 'f']) dispatcher.step([{ ...woken, endpoint }], 0);
    dispatcher.step([{ type: 'submitted', call: callRequest('c', { backend: 'b' }) }], 1_000);
    dispatcher.step([{ type: 'ended', callId: 'c', result: okResult(1_000) }], 2_000);
    const outlook = dispatcher.prewarmOutlook(3_000);
    const decisions = outlook.flatMap((backend) => backend.endpoints);
    expect(decisions.map((d) => d.endpoint)).toEqual(['e', 'f']);
    // The other endpoint without a limit suffices. The probability is small but not 0, because the
    // application is hardly known.
    for (const { probability } of decisions) expect(probability).toBeLessThan(0.1);
  });
});

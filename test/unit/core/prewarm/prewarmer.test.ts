/**
 * Which endpoints the prewarmer considers, wakes, holds and releases: one by one, never one twice.
 */

import { describe, expect, it } from 'vitest';
import type { BackendSpec } from '../../../../src/core/backends/backend-spec.ts';
import type { DispatchEvent, Effect } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { Forecast } from '../../../../src/core/prewarm/prewarm.ts';
import { decidePrewarm } from '../../../../src/core/prewarm/prewarm.ts';
import type { PrewarmQuery, PrewarmRule } from '../../../../src/core/prewarm/prewarm-rule.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';

const COLD = { estimateMs: 10_000, idleTimeoutMs: 60_000 };
const FORECAST: DispatchEvent = { type: 'forecast', aheadMs: 60_000 };

function woken(endpoint: string): DispatchEvent {
  return { type: 'wake-answered', backend: 'llm', endpoint, ok: true, tookMs: 10_000 };
}

function threeEndpoints(fields: Partial<BackendSpec> = {}): BackendSpec {
  const endpoints = ['e1', 'e2', 'e3'].map((id) => ({ id, slots: 2, coldStart: COLD }));
  return backendSpec({ endpoints, prewarm: { mode: 'on', theta: 0.25 }, ...fields });
}

/** The theta rule with a forecast that the test sets. */
class Told implements PrewarmRule {
  forecast: Forecast = { runs: [], arrivals: 0 };
  readonly asks: PrewarmQuery[] = [];

  wake(ask: PrewarmQuery) {
    this.asks.push(ask);
    return decidePrewarm(this.forecast, 0.25, ask.capacity);
  }

  hold(ask: PrewarmQuery) {
    this.asks.push(ask);
    return decidePrewarm(this.forecast, 0.25, ask.capacity);
  }
}

function setUp(llm: BackendSpec) {
  const rule = new Told();
  const dispatcher = new Dispatcher(
    configOf({ backends: { llm } }),
    { random: seededRandom(1), prewarmRule: rule },
    0,
  );
  const step = (now: number, ...events: DispatchEvent[]) => dispatcher.step(events, now);
  return { rule, dispatcher, step };
}

function wakesOf(effects: readonly Effect[]): string[] {
  return effects.flatMap((e) => (e.type === 'wake' ? [`${e.wake.cause} ${e.endpoint}`] : []));
}

describe('several endpoints of a backend', () => {
  it('are woken one by one, as many as the demand asks for', () => {
    for (const [needs, expected] of [
      [0, []],
      [1, ['prewarm e1']],
      [2, ['prewarm e1']],
      [3, ['prewarm e1', 'prewarm e2']],
      [5, ['prewarm e1', 'prewarm e2', 'prewarm e3']],
      [50, ['prewarm e1', 'prewarm e2', 'prewarm e3']],
    ] as const) {
      const { rule, step } = setUp(threeEndpoints());
      rule.forecast = { runs: Array(needs).fill(1), arrivals: 0 };
      expect(wakesOf(step(0, FORECAST))).toEqual(expected);
    }
  });

  it('are never woken twice, whichever event asks', () => {
    const { rule, dispatcher, step } = setUp(threeEndpoints());
    rule.forecast = { runs: Array(3).fill(1), arrivals: 0 };
    const wakes = wakesOf(step(0, FORECAST, FORECAST));
    wakes.push(...wakesOf(step(0, FORECAST)), ...wakesOf(step(1_000, FORECAST)));
    // A call waits now as well, but the endpoints that are warming suffice.
    wakes.push(...wakesOf(step(2_000, { type: 'submitted', call: callRequest('a') })));
    wakes.push(...wakesOf(step(3_000, { type: 'tick' }, FORECAST)));
    expect(wakes).toEqual(['prewarm e1', 'prewarm e2']);
    expect(
      [...(dispatcher.backends.get('llm')?.endpoints.values() ?? [])].map((e) => e.state),
    ).toEqual(['warming', 'warming', 'cold']);
  });

  it('are considered one by one, with the demand that the others can serve taken off', () => {
    const { rule, dispatcher, step } = setUp(threeEndpoints());
    rule.forecast = { runs: Array(5).fill(1), arrivals: 0 };
    step(0, FORECAST);
    step(10_000, woken('e1'), woken('e2'), woken('e3'));
    // From now on two are needed, for which one endpoint suffices.
    rule.forecast = { runs: [1, 1], arrivals: 0 };
    expect(wakesOf(step(60_000, FORECAST))).toEqual(['keep-warm e3']);
    const states = () =>
      [...(dispatcher.backends.get('llm')?.endpoints.values() ?? [])].map((e) => e.state);
    step(71_000, { type: 'tick' });
    expect(states()).toEqual(['cold', 'cold', 'warm']);
  });

  it('are released one by one, as far as the others suffice', () => {
    const endpoints = ['e1', 'e2', 'e3'].map((id) => ({
      id,
      slots: 2,
      coldStart: { ...COLD, idleTimeoutMs: 3_600_000, releasable: true },
    }));
    const { rule, step } = setUp(threeEndpoints({ endpoints }));
    rule.forecast = { runs: Array(5).fill(1), arrivals: 0 };
    step(0, FORECAST);
    step(10_000, woken('e1'), woken('e2'), woken('e3'));
    serveMany(step, 11_000, 25);
    rule.forecast = { runs: [1], arrivals: 0 };
    // Idle for less than a quarter of a minute, so none is considered for release.
    const released = (effects: readonly Effect[]) =>
      effects.flatMap((e) => (e.type === 'release' ? [e.endpoint] : []));
    expect(released(step(20_000, FORECAST))).toEqual([]);
    expect(released(step(60_000, FORECAST))).toEqual(['e1', 'e2']);
    expect(released(step(61_000, FORECAST))).toEqual([]);
    rule.forecast = { runs: [], arrivals: 0 };
    expect(released(step(62_000, FORECAST))).toEqual(['e3']);
  });
});

/** Serves this many calls one after the other. */
function serveMany(
  step: (now: number, ...events: DispatchEvent[]) => Effect[],
  at: number,
  n: number,
) {
  for (let i = 0; i < n; i += 1) {
    const call = callRequest(`s${i}`, { arrivedAt: at + i, final: true });
    step(at + i, { type: 'submitted', call });
    step(at + i, { type: 'ended', callId: `s${i}`, result: okResult(1) });
  }
}

describe('a release', () => {
  const one = (releasable: boolean) => {
    const coldStart = { ...COLD, idleTimeoutMs: 3_600_000, releasable };
    return backendSpec({
      endpoints: [{ id: 'e1', slots: 2, coldStart }],
      prewarm: { mode: 'on', theta: 0.25 },
    });
  };

  it('comes by itself once the endpoint has been idle for a while', () => {
    const { step, dispatcher } = setUp(one(true));
    step(0, { type: 'submitted', call: callRequest('first', { final: true }) });
    step(10_000, woken('e1'));
    step(10_001, { type: 'ended', callId: 'first', result: okResult(1) });
    serveMany(step, 11_000, 25);
    let releasedAt: number | undefined;
    for (let now = 12_000; now < 600_000 && releasedAt === undefined; ) {
      now = Math.max(now + 1, dispatcher.dueAt(now));
      if (step(now, { type: 'tick' }).some((e) => e.type === 'release')) releasedAt = now;
    }
    expect(releasedAt).toBeGreaterThanOrEqual(11_024 + 15_000);
    expect(releasedAt).toBeLessThan(11_024 + 21_000);
  });

  it.each([
    ['of one that cannot be told', 25, false],
    ['of a backend that is hardly known', 5, true],
  ])('does not come %s', (_, calls, releasable) => {
    const { step } = setUp(one(releasable));
    step(0, { type: 'submitted', call: callRequest('first', { final: true }) });
    step(10_000, woken('e1'));
    step(10_001, { type: 'ended', callId: 'first', result: okResult(1) });
    serveMany(step, 11_000, calls);
    expect(step(100_000, FORECAST).map((e) => e.type)).toEqual([]);
  });

  it('does not come while a call is there', () => {
    const { step } = setUp(one(true));
    step(0, { type: 'submitted', call: callRequest('first', { final: true }) });
    step(10_000, woken('e1'));
    serveMany(step, 11_000, 25);
    expect(step(100_000, FORECAST).filter((e) => e.type === 'release')).toEqual([]);
  });
});

describe('a forecast', () => {
  it('counts the running calls at a backend of several endpoints one by one', () => {
    const { rule, step } = setUp(threeEndpoints());
    step(
      0,
      ...['a', 'b', 'c'].map((id): DispatchEvent => ({ type: 'submitted', call: callRequest(id) })),
    );
    step(10_000, woken('e1'), woken('e2'));
    rule.asks.length = 0;
    step(11_000, FORECAST);
    expect(rule.asks[0]).toMatchObject({ capacity: 4, aheadMs: 60_000, coldStartMs: 10_000 });
    expect(rule.asks[0]?.forecast(10_000)).toMatchObject({ busy: 3 });
  });

  it('names the runs that it counts', () => {
    const search = backendSpec({ endpoints: [{ id: 's', slots: 9 }] });
    const dispatcher = new Dispatcher(
      configOf({ backends: { llm: threeEndpoints(), search } }),
      { random: seededRandom(1) },
      0,
    );
    for (let i = 0; i < 30; i += 1) {
      const unit = (backend: string) => ({
        unit: backend,
        backend,
        calls: [{ service_ms: 1_000 }],
      });
      const units = [unit('search'), unit('llm')];
      dispatcher.models.learn(
        { run: `h${i}`, app: 'rag', arrival_ms: 0, units },
        0,
        dispatcher.speeds,
      );
    }
    const call = callRequest('a', {
      app: 'rag',
      unit: 'search',
      backend: 'search',
      kind: 'service',
    });
    const effects = dispatcher.step([{ type: 'submitted', call }], 0);
    const wake = effects.find((e) => e.type === 'wake');
    expect(wake).toMatchObject({ backend: 'llm', wake: { cause: 'prewarm' } });
    expect(wake?.type === 'wake' ? wake.wake.reason : '').toMatch(/ by rag\/a:0\.9\d$/);
    expect(dispatcher.prewarmOutlook(0)).toMatchObject([
      { backend: 'llm', runs: [{ run: 'a', app: 'rag', probability: expect.any(Number) }] },
    ]);
  });
});

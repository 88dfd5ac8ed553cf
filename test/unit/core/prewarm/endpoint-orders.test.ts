import { describe, expect, it } from 'vitest';
import { snapshotOf } from '../../../../src/core/backends/backend-snapshot.ts';
import type { BackendSpec } from '../../../../src/core/backends/backend-spec.ts';
import type { DispatchEvent, Effect } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { restoredDispatcher } from '../../../../src/core/dispatch/restored-dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { EndpointOrder } from '../../../../src/core/prewarm/endpoint-orders.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';

const coldStart = { estimateMs: 10_000, idleTimeoutMs: 60_000 };
const releasable = { ...coldStart, releasable: true };

function world(fields: Partial<BackendSpec>) {
  const config = configOf({ backends: { llm: backendSpec(fields) } });
  let dispatcher = new Dispatcher(config, { random: seededRandom(1) }, 0);
  const step = (now: number, ...events: DispatchEvent[]) => dispatcher.step(events, now);
  const order = (now: number, what: EndpointOrder, endpoint = 'e1', backend = 'llm') => {
    const effects = step(now, { type: 'endpoint-ordered', backend, endpoint, order: what });
    const answer = effects.find((e) => e.type === 'order-answered');
    return { effects, outcome: answer?.type === 'order-answered' ? answer.outcome : undefined };
  };
  const restart = (now: number) => {
    const backends = [...dispatcher.backends].map(([name, b]) => [name, snapshotOf(b)] as const);
    const stored = { backends, accounts: dispatcher.accounts.snapshot(now) };
    const noRuns = { running: [], leases: [] };
    dispatcher = restoredDispatcher(
      config,
      { random: seededRandom(1) },
      { ...stored, ...noRuns },
      now,
    );
  };
  return {
    step,
    order,
    restart,
    endpoint: (id = 'e1') => dispatcher.backends.get('llm')?.endpoints.get(id),
    backend: () => dispatcher.backends.get('llm'),
    dispatcher: () => dispatcher,
    submit: (callId: string, now: number) =>
      step(now, { type: 'submitted', call: callRequest(callId, { arrivedAt: now }) }),
  };
}

const types = (effects: readonly Effect[]) => effects.map(({ type }) => type);
const granted = (effects: readonly Effect[]) =>
  effects.flatMap((e) => (e.type === 'granted' ? [[e.callId, e.endpoint]] : []));

describe('an order to an endpoint', () => {
  it('that does not exist is refused', () => {
    const { order } = world({});
    expect(order(1, 'pause', 'nobody').outcome).toBe('not-found');
    expect(order(1, 'wake', 'e1', 'nothing').outcome).toBe('not-found');
    expect(order(1, 'wake', '__proto__', 'constructor').outcome).toBe('not-found');
  });

  it('wakes a cold one, whatever the mode, outside of the budget', () => {
    const budget = { warmMs: 0 };
    const prewarm = { mode: 'off' as const, theta: 0.25, budget };
    const { order, endpoint, step, dispatcher } = world({
      endpoints: [{ id: 'e1', slots: 1, coldStart }],
      prewarm,
    });
    const { effects, outcome } = order(1_000, 'wake');
    expect(outcome).toBe('done');
    expect(effects).toContainEqual(
      expect.objectContaining({
        type: 'wake',
        wake: { cause: 'operator', at: 1_000, reason: 'by the operator', probability: 1 },
      }),
    );
    expect(order(1_500, 'wake').outcome).toBe('unchanged');
    step(9_000, { type: 'wake-answered', backend: 'llm', endpoint: 'e1', ok: true, tookMs: 8_000 });
    expect(endpoint()?.state).toBe('warm');
    // Nobody uses it: it was wasted, which costs no budget of pings.
    const settled = step(200_000, { type: 'tick' }).find((e) => e.type === 'wake-settled');
    expect(settled).toMatchObject({ outcome: 'wasted' });
    const [day] = dispatcher().accounts.daily.take();
    expect(day?.counts).toMatchObject({ operatorWakes: 1, wasted: 0, prewarms: 0 });
  });

  it('lets a releasable one go, and no forecast wakes it before a call waits', () => {
    const { order, endpoint, step, submit } = world({
      endpoints: [{ id: 'e1', slots: 1, coldStart: releasable }],
      prewarm: { mode: 'on', theta: 0 },
    });
    order(0, 'wake');
    expect(order(1, 'release').outcome).toBe('waking');
    step(5_000, { type: 'wake-answered', backend: 'llm', endpoint: 'e1', ok: true, tookMs: 5_000 });
    const { outcome, effects } = order(6_000, 'release');
    expect(outcome).toBe('done');
    expect(types(effects)).toContain('release');
    step(6_100, { type: 'release-answered', backend: 'llm', endpoint: 'e1', ok: true });
    expect(order(6_200, 'release').outcome).toBe('unchanged');
    // With theta 0 every check would wake it.
    expect(types(step(60_000, { type: 'forecast', aheadMs: 60_000 }))).not.toContain('wake');
    expect(endpoint()?.state).toBe('cold');
    expect(types(submit('a', 61_000))).toContain('wake');
    expect(endpoint()?.letGo).toBe(false);
  });

  it('is refused where it makes no sense', () => {
    const { order, submit } = world({
      endpoints: [
        { id: 'e1', slots: 1 },
        { id: 'e2', slots: 1, coldStart },
        { id: 'e3', slots: 1, coldStart: releasable },
      ],
    });
    expect(order(1, 'wake', 'e1').outcome).toBe('never-cold');
    expect(order(1, 'release', 'e1').outcome).toBe('never-cold');
    expect(order(1, 'release', 'e2').outcome).toBe('not-releasable');
    order(2, 'pause', 'e2');
    expect(order(3, 'wake', 'e2').outcome).toBe('paused');
    expect(order(3, 'pause', 'e2').outcome).toBe('unchanged');
    expect(order(3, 'resume', 'e3').outcome).toBe('unchanged');
    submit('a', 4);
    expect(order(5, 'pause', 'e1').outcome).toBe('done');
  });
});

describe('a paused endpoint', () => {
  it('keeps its calls and takes no more; waiting calls go elsewhere', () => {
    const { order, submit, step } = world({
      endpoints: [
        { id: 'e1', slots: 1 },
        { id: 'e2', slots: 1 },
      ],
    });
    submit('a', 1);
    submit('b', 2);
    submit('c', 3);
    order(4, 'pause', 'e1');
    const ended = step(10, { type: 'ended', callId: 'a', result: okResult(5) });
    expect(granted(ended)).toEqual([]);
    const other = step(11, { type: 'ended', callId: 'b', result: okResult(5) });
    expect(granted(other)).toEqual([['c', 'e2']]);
  });

  it('that is the last one lets 100 calls wait, over a restart, until it is resumed', () => {
    const { order, submit, step, backend, restart, endpoint } = world({
      endpoints: [{ id: 'e1', slots: 2 }],
    });
    for (let i = 0; i < 102; i += 1) submit(`c${i}`, i);
    order(200, 'pause');
    const ends = ['c0', 'c1'].map((callId) => ({
      type: 'ended' as const,
      callId,
      result: okResult(1),
    }));
    expect(granted(step(300, ...ends))).toEqual([]);
    expect(backend()?.waiting).toBe(100);
    // No wait ends sooner than without the pause.
    expect(types(step(250_000, { type: 'tick' }))).not.toContain('refused');
    expect(order(250_001, 'resume').effects.filter((e) => e.type === 'granted')).toHaveLength(2);
    order(250_002, 'pause');
    restart(250_003);
    expect(endpoint()?.isPaused).toBe(true);
    expect(granted(submit('d', 250_004))).toEqual([]);
    expect(granted(order(250_005, 'resume').effects)).toEqual([['d', 'e1']]);
  });

  it('is neither woken for calls that wait nor kept warm', () => {
    const { order, submit, step } = world({
      endpoints: [{ id: 'e1', slots: 1, coldStart }],
      prewarm: { mode: 'on', theta: 0 },
    });
    order(0, 'pause');
    expect(types(submit('a', 1))).not.toContain('wake');
    expect(types(step(5_000, { type: 'forecast', aheadMs: 60_000 }))).not.toContain('wake');
    const { effects } = order(6_000, 'resume');
    expect(types(effects)).toContain('wake');
    step(8_000, { type: 'wake-answered', backend: 'llm', endpoint: 'e1', ok: true, tookMs: 2_000 });
    // Only the time after the pause was a wait for a cold start.
    const coldMs = step(8_000, { type: 'cancelled', callId: 'a' });
    expect(types(coldMs)).toContain('released');
  });

  it('where all are paused, calls go to a fallback at once', () => {
    const { order, submit } = world({ failover: true });
    submit('a', 1);
    submit('b', 2);
    submit('c', 3);
    const { effects } = order(4, 'pause');
    expect(effects).toContainEqual(
      expect.objectContaining({ type: 'refused', callId: 'c', code: 'backend_down' }),
    );
    expect(submit('d', 5)).toContainEqual(
      expect.objectContaining({ type: 'refused', callId: 'd', code: 'backend_down' }),
    );
  });

  it('is not asked again for a wake from before a restart', () => {
    const { order, step, restart, endpoint } = world({
      endpoints: [{ id: 'e1', slots: 1, coldStart }],
    });
    order(0, 'wake');
    order(1, 'pause');
    restart(2_000);
    const effects = step(2_001, { type: 'tick' });
    expect(types(effects)).toEqual(['wake-settled']);
    expect(endpoint()?.state).toBe('cold');
  });

  it('does not end a wait as if it were warming', () => {
    const { order, submit, step } = world({
      endpoints: [{ id: 'e1', slots: 1, coldStart }],
      maxWaitMs: 1_000,
      maxWaitColdMs: 9_000,
    });
    order(0, 'pause');
    submit('a', 10);
    expect(step(1_010, { type: 'tick' })).toContainEqual(
      expect.objectContaining({ type: 'refused', callId: 'a', code: 'queue_timeout' }),
    );
  });
});

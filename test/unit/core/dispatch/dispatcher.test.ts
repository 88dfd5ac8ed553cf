/** The ways in which a slot is freed, a run ends, and a cold endpoint is woken. */
import { describe, expect, it } from 'vitest';
import type { DispatchEvent, Effect } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { LiveRun } from '../../../../src/core/runs/live-run.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';

const COLD = { estimateMs: 1_000, idleTimeoutMs: 5_000 };

function start(config = configOf()): Dispatcher {
  return new Dispatcher(config, { random: seededRandom(1) }, 0);
}

function submit(callId: string, fields: Parameters<typeof callRequest>[1] = {}): DispatchEvent {
  return { type: 'submitted', call: callRequest(callId, fields) };
}

function types(effects: readonly Effect[]): string[] {
  return effects.map((e) => e.type);
}

describe('an arrival', () => {
  it('is counted once, however often the run’s first call is sent', () => {
    const rate = (times: number) => {
      const dispatcher = start();
      for (let i = 0; i < times; i += 1) {
        const callId = `c${i}`;
        dispatcher.step([submit(callId, { runId: 'r', print: 'p' })], 1_000 * i);
        const result = okResult(0, { outcome: 'failed' });
        dispatcher.step([{ type: 'ended', callId, result }], 1_000 * i + 10);
      }
      return dispatcher.backends.get('llm')?.arrivals.snapshot();
    };
    expect(rate(4)).toEqual(rate(1));
  });
});

describe('a slot', () => {
  it('comes back exactly once, however often its end is reported', () => {
    const dispatcher = start(configOf({ slots: 1 }));
    dispatcher.step([submit('a'), submit('b'), submit('c')], 0);
    const end: DispatchEvent = { type: 'ended', callId: 'a', result: okResult(1) };
    expect(types(dispatcher.step([end], 1))).toEqual(['released', 'granted']);
    expect(dispatcher.step([end, { type: 'cancelled', callId: 'a' }], 2)).toEqual([]);
    expect(dispatcher.backends.get('llm')?.pool.running).toBe(1);
  });

  it('comes back when its lease expires, and later when that is renewed', () => {
    const dispatcher = start(configOf({ slots: 1, leaseMs: 10_000 }));
    dispatcher.step([submit('a')], 0);
    dispatcher.step([{ type: 'renewed', callId: 'a' }], 6_000);
    // Doubted when two renewals are overdue, and ended half of the lease's length later.
    const doubtedAt = 6_000 + (10_000 * 2) / 3;
    expect(dispatcher.dueAt(6_000)).toBeCloseTo(doubtedAt);
    expect(dispatcher.step([{ type: 'tick' }], 12_700)).toEqual([]);
    expect(dispatcher.step([{ type: 'tick' }], 17_699)).toEqual([]);
    expect(dispatcher.dueAt(17_699)).toBe(17_700);
    expect(dispatcher.step([{ type: 'tick' }], 17_700)).toMatchObject([
      { type: 'released', callId: 'a', cause: 'expired' },
    ]);
  });

  it('stays taken after a jump of the clock, if its Worker then renews it', () => {
    const dispatcher = start(configOf({ slots: 1, leaseMs: 10_000 }));
    dispatcher.step([submit('a')], 0);
    const wait = submit('b', { arrivedAt: 3_600_000 });
    expect(dispatcher.step([wait], 3_600_000)).toEqual([]);
    dispatcher.step([{ type: 'renewed', callId: 'a' }], 3_603_000);
    expect(dispatcher.step([{ type: 'tick' }], 3_606_000)).toEqual([]);
    expect(
      types(dispatcher.step([{ type: 'ended', callId: 'a', result: okResult(1) }], 3_606_001)),
    ).toEqual(['released', 'granted']);
  });

  it('has a lease from the new request on if a caller that lost the answer asks again', () => {
    const dispatcher = start(configOf({ slots: 1, leaseMs: 10_000 }));
    dispatcher.step([submit('a')], 0);
    expect(dispatcher.step([submit('a')], 6_000)).toMatchObject([
      { type: 'granted', repeated: true, expiresAt: 16_000 },
    ]);
    expect(dispatcher.step([{ type: 'tick' }], 12_600)).toEqual([]);
    expect(dispatcher.call('a')?.lease?.doubted).toBe(false);
  });

  it('comes back no later though the clock went back', () => {
    const dispatcher = start(configOf({ slots: 1, leaseMs: 10_000 }));
    dispatcher.step([submit('a', { arrivedAt: 3_600_000 })], 3_600_000);
    dispatcher.step([submit('b', { arrivedAt: 0 })], 0);
    expect(dispatcher.dueAt(0)).toBeLessThanOrEqual(10_000);
    dispatcher.step([{ type: 'tick' }], 10_000);
    expect(types(dispatcher.step([{ type: 'tick' }], 15_000))).toContain('granted');
  });

  it('is granted if it is free, also to a call whose longest wait has already passed', () => {
    const dispatcher = start(configOf({ slots: 1 }));
    const late = submit('late', { arrivedAt: 0, maxWaitMs: 1 });
    expect(types(dispatcher.step([late], 5))).toEqual(['granted']);
    const next = submit('next', { arrivedAt: 0, maxWaitMs: 1 });
    expect(dispatcher.step([next], 5)).toMatchObject([{ type: 'refused', code: 'queue_timeout' }]);
  });

  it("is waited for longer than the backend's limit by a call with a longer limit of its own", () => {
    const dispatcher = start(configOf({ slots: 1, leaseMs: 900_000 }));
    const patient = submit('patient', { arrivedAt: 0, maxWaitMs: 600_000, patient: true });
    const usual = submit('usual', { arrivedAt: 0, maxWaitMs: 600_000 });
    dispatcher.step([submit('a'), patient, usual], 0);
    const refused = (callId: string) => [{ type: 'refused', callId, code: 'queue_timeout' }];
    expect(dispatcher.step([{ type: 'tick' }], 300_000)).toMatchObject(refused('usual'));
    expect(types(dispatcher.step([{ type: 'tick' }], 599_999))).not.toContain('refused');
    expect(dispatcher.step([{ type: 'tick' }], 600_000)).toMatchObject(refused('patient'));
  });

  it('stays taken after a restart, until the call that had it ends', () => {
    const dispatcher = start(configOf({ slots: 1 }));
    dispatcher.step([submit('a', { runId: 'r' })], 0);
    const call = dispatcher.call('a');
    if (!call?.lease) throw new Error('a was not granted');
    const snapshot = JSON.parse(JSON.stringify(call.run.snapshot()));
    const again = start(configOf({ slots: 1 }));
    again.restore([LiveRun.restore(snapshot)], [{ request: call.request, lease: call.lease }]);
    expect(again.step([submit('b')], 1)).toEqual([]);
    // Its Worker asks again because its answer was lost: it gets the lease that the call has.
    expect(again.step([submit('a', { runId: 'r' })], 2)).toMatchObject([
      { type: 'granted', callId: 'a', grantedAt: 0 },
    ]);
    const effects = again.step([{ type: 'ended', callId: 'a', result: okResult(1) }], 3);
    expect(types(effects)).toEqual(['released', 'granted']);
    expect(again.register.runs.get('r')?.record()?.units).toHaveLength(1);
  });
});

describe('a run', () => {
  it("ends by its final call, by its client's request, or by silence, and is learned from", () => {
    const dispatcher = start();
    const serve = (callId: string, fields: Parameters<typeof callRequest>[1], now: number) => [
      ...dispatcher.step([submit(callId, { ...fields, arrivedAt: now })], now),
      ...dispatcher.step([{ type: 'ended', callId, result: okResult(5) }], now + 10),
    ];
    expect(types(serve('a', { final: true }, 0))).toContain('run-finished');
    expect(types(serve('b', {}, 100))).not.toContain('run-finished');
    expect(types(dispatcher.step([{ type: 'run-finished', runId: 'b' }], 120))).toEqual([
      'run-finished',
    ]);
    serve('c', {}, 200);
    expect(dispatcher.step([{ type: 'tick' }], 30_209)).toEqual([]);
    expect(dispatcher.step([{ type: 'tick' }], 30_210)).toMatchObject([
      { type: 'run-finished', runId: 'c', learned: true },
    ]);
    expect(dispatcher.models.model('app')?.graph.runs).toBe(3);
  });

  it('is kept open longer if its application is known to pause', () => {
    const dispatcher = start();
    const call = (id: string, now: number) => {
      dispatcher.step([submit(id, { runId: 'slow', arrivedAt: now })], now);
      dispatcher.step([{ type: 'ended', callId: id, result: okResult(5) }], now + 10);
    };
    call('a', 0);
    call('b', 25_000);
    dispatcher.step([{ type: 'run-finished', runId: 'slow' }], 25_010);
    call('c', 100_000);
    expect(dispatcher.step([{ type: 'tick' }], 160_000)).toEqual([]);
    expect(types(dispatcher.step([{ type: 'tick' }], 175_010))).toEqual(['run-finished']);
  });

  it('whose last call failed is not learned from', () => {
    const dispatcher = start();
    dispatcher.step([submit('a', { runId: 'r' })], 0);
    dispatcher.step([{ type: 'ended', callId: 'a', result: okResult(5) }], 10);
    dispatcher.step([submit('b', { runId: 'r', final: true })], 20);
    const result = okResult(0, { outcome: 'failed', endpointFault: true });
    // The client may send its last call again, so the run waits for that as long as for any other
    // call.
    expect(types(dispatcher.step([{ type: 'ended', callId: 'b', result }], 30))).toEqual([
      'released',
    ]);
    const effects = dispatcher.step([{ type: 'tick' }], 30_030);
    expect(effects).toContainEqual(
      expect.objectContaining({ type: 'run-finished', learned: false }),
    );
    expect(dispatcher.models.model('app')).toBeUndefined();
  });
});

describe('a cold endpoint', () => {
  const config = (mode: 'off' | 'on' | 'dry-run', whileCold: 'hold' | 'send' = 'hold') =>
    configOf({
      backends: {
        tool: backendSpec({ speed: { inputMs: 0, outputMs: 1 } }),
        llm: backendSpec({
          endpoints: [{ id: 'e1', slots: 2, coldStart: COLD }],
          whileCold,
          prewarm: { mode, theta: 0.5 },
        }),
      },
    });

  it('is woken once for all who wait, and serves them when it is warm', () => {
    const dispatcher = start(config('off'));
    const first = dispatcher.step([submit('a'), submit('b'), submit('c')], 0);
    expect(first).toMatchObject([{ type: 'wake', wake: { cause: 'demand' } }]);
    expect(dispatcher.step([submit('d')], 500)).toEqual([]);
    const woken = {
      type: 'wake-answered',
      backend: 'llm',
      endpoint: 'e1',
      ok: true,
      tookMs: 900,
    } as const;
    const effects = dispatcher.step([woken], 900);
    expect(types(effects)).toEqual(['wake-settled', 'granted', 'granted']);
    expect(effects[0]).toMatchObject({ outcome: 'late' });
    expect(effects[1]).toMatchObject({ callId: 'a', waitedMs: 900, coldMs: 900 });
  });

  it('gets calls at once where they are to be sent while cold', () => {
    const dispatcher = start(config('off', 'send'));
    const effects = dispatcher.step([submit('a'), submit('b'), submit('c')], 0);
    expect(types(effects).filter((t) => t === 'granted')).toHaveLength(2);
    expect(types(effects)).not.toContain('wake');
    expect(dispatcher.backends.get('llm')?.endpoints.get('e1')?.state).toBe('warming');
  });

  it('goes cold when it has been idle, and an unused wake is wasted', () => {
    const dispatcher = start(config('on'));
    teach(dispatcher);
    dispatcher.step([{ type: 'gone-cold', backend: 'llm', endpoint: 'e1' }], 1_000);
    const announced = announce(dispatcher);
    expect(announced).toContainEqual(
      expect.objectContaining({
        type: 'wake',
        wake: expect.objectContaining({ cause: 'prewarm' }),
      }),
    );
    dispatcher.step(
      [{ type: 'wake-answered', backend: 'llm', endpoint: 'e1', ok: true, tookMs: 900 }],
      1_900,
    );
    dispatcher.step([{ type: 'cancelled', callId: 't' }], 2_000);
    const effects = dispatcher.step([{ type: 'tick' }], 40_000);
    expect(effects).toContainEqual(
      expect.objectContaining({ type: 'wake-settled', outcome: 'wasted' }),
    );
  });

  it('is not woken in dry-run, only recorded', () => {
    const dispatcher = start(config('dry-run'));
    teach(dispatcher);
    dispatcher.step([{ type: 'gone-cold', backend: 'llm', endpoint: 'e1' }], 1_000);
    const effects = announce(dispatcher);
    expect(effects).toContainEqual(expect.objectContaining({ type: 'wake', dryRun: true }));
    expect(dispatcher.backends.get('llm')?.endpoints.get('e1')?.state).toBe('cold');
  });

  const TOOL = { backend: 'tool', kind: 'service', unit: 'search', inputTokens: 0 } as const;

  /** A fourth run begins with the tool. Forecasts have a minimum interval, so some time passes. */
  function announce(dispatcher: Dispatcher): Effect[] {
    const submitted = submit('t', { ...TOOL, runId: 'x', arrivedAt: 1_000 });
    return [...dispatcher.step([submitted], 1_000), ...dispatcher.step([{ type: 'tick' }], 1_250)];
  }

  /** Three runs that each call a tool for 200 ms and then the model. */
  function teach(dispatcher: Dispatcher): void {
    for (const [i, runId] of ['r1', 'r2', 'r3'].entries()) {
      const now = i * 300;
      dispatcher.step([submit(`${runId}t`, { ...TOOL, runId, arrivedAt: now })], now);
      const result = okResult(0, { serviceMs: 200 });
      dispatcher.step([{ type: 'ended', callId: `${runId}t`, result }], now + 200);
      dispatcher.step([submit(`${runId}m`, { runId, final: true, arrivedAt: now })], now + 200);
      const woken = { type: 'wake-answered', backend: 'llm', endpoint: 'e1', ok: true } as const;
      dispatcher.step([woken], now + 210);
      dispatcher.step([{ type: 'ended', callId: `${runId}m`, result: okResult(5) }], now + 220);
    }
  }
});

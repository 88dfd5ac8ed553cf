/** Whether a cold endpoint is woken for calls that wait, and the waits that are expected of them. */
import { describe, expect, it } from 'vitest';
import { Backend } from '../../../../src/core/backends/backend.ts';
import type { EndpointSpec } from '../../../../src/core/backends/endpoint-state.ts';
import { WaitingQueue } from '../../../../src/core/order/waiting-queue.ts';
import { type LiveCall, LiveRun } from '../../../../src/core/runs/live-run.ts';
import { backendSpec, callRequest } from '../../../dispatch-builders.ts';

const COLD = { estimateMs: 10_000, idleTimeoutMs: 60_000 };
const WARM: EndpointSpec = { id: 'warm', slots: 2 };

class World {
  readonly backend: Backend;
  #calls = 0;

  constructor(...endpoints: EndpointSpec[]) {
    const queue = new WaitingQueue((run) => run.arrivedAt, 'submission');
    this.backend = new Backend('llm', backendSpec({ endpoints }), queue, 0);
  }

  call(expectedMs = 1_000): LiveCall {
    this.#calls += 1;
    const id = `c${this.#calls}`;
    const call = new LiveRun(id, 'app', 0).submit(callRequest(id), this.#calls, 0);
    call.expectedMs = expectedMs;
    return call;
  }

  wait(count: number, now = 0): LiveCall[] {
    const calls = Array.from({ length: count }, () => this.call());
    for (const call of calls) this.backend.enqueue(call, now);
    return calls;
  }

  run(id: string, grantedAt: number, expectedMs = 1_000): LiveCall {
    const call = this.call(expectedMs);
    const endpoint = this.backend.endpoints.get(id);
    if (!endpoint) throw new Error(`no endpoint ${id}`);
    endpoint.granted(grantedAt);
    call.lease = { endpoint: id, grantedAt, expiresAt: Infinity, lengthMs: 90_000 };
    this.backend.granted(call, endpoint, grantedAt);
    return call;
  }

  woken(now: number, needsOther = false): string | undefined {
    const { demand } = this.backend;
    return demand.endpoint(needsOther, now, ({ expectedMs }) => expectedMs)?.spec.id;
  }
}

describe('a cold endpoint', () => {
  it('is woken for calls where nothing is up, the one that starts soonest', () => {
    const world = new World(
      { id: 'slow', slots: 2, coldStart: COLD },
      { id: 'fast', slots: 2, coldStart: { ...COLD, estimateMs: 2_000 } },
    );
    world.wait(1);
    expect(world.woken(0)).toBe('fast');
    world.backend.endpoints.get('fast')?.setPaused(true, 0);
    expect(world.woken(0)).toBe('slow');
  });

  it('is left where running calls end sooner than it starts, and not where they take longer', () => {
    const quick = new World(WARM, { id: 'cold', slots: 2, coldStart: COLD });
    for (let i = 0; i < 2; i += 1) quick.run('warm', 0, 500);
    quick.wait(1);
    expect([quick.woken(100), quick.woken(100, true)]).toEqual([undefined, 'cold']);
    const slow = new World(WARM, { id: 'cold', slots: 2, coldStart: COLD });
    for (let i = 0; i < 2; i += 1) slow.run('warm', 0, 500_000);
    slow.wait(1);
    expect(slow.woken(100)).toBe('cold');
  });

  it('is woken where more calls wait than the others have slots, or the queue does not move', () => {
    const world = new World(WARM, { id: 'cold', slots: 2, coldStart: COLD });
    for (let i = 0; i < 2; i += 1) world.run('warm', 0, 500);
    world.wait(2);
    expect(world.woken(100)).toBeUndefined();
    // Half of a cold start after the last grant.
    expect([world.woken(4_999), world.woken(5_000)]).toEqual([undefined, 'cold']);
    world.backend.clockWentBack(1_000);
    expect(world.woken(1_000)).toBeUndefined();
    world.wait(1, 1_000);
    expect(world.woken(1_000)).toBe('cold');
  });
});

describe('the wait of a call', () => {
  it('follows from the calls before it and the rest of those that run', () => {
    const world = new World(WARM);
    const { backend } = world;
    expect([backend.waits.explainedMs(0, 0, 0), backend.waits.explainedMs(3, 3_000, 0)]).toEqual([
      0, 1_000,
    ]);
    for (let i = 0; i < 2; i += 1) world.run('warm', 0, 4_000);
    const [soon, late] = [
      backend.waits.explainedMs(0, 0, 100),
      backend.waits.explainedMs(9, 9e4, 100),
    ];
    expect(soon).toBeGreaterThan(500);
    expect(soon).toBeLessThan(4_000);
    expect(late).toBeGreaterThan(3e4);
    // It counts down while no call begins or ends.
    expect(backend.waits.explainedMs(0, 0, 150)).toBeCloseTo(soon - 50);
  });

  it('is the mean one until calls have ended, and that of the start where nothing is up', () => {
    const world = new World({ id: 'cold', slots: 2, coldStart: COLD });
    const { backend } = world;
    world.wait(5);
    expect(backend.waits.meanMs()).toBe(10_000 + 2 * backend.speed.meanServiceMs);
    expect(backend.waits.lastMs(0)).toBe(backend.waits.meanMs());
  });

  it('is corrected by the waits that calls were told, but for those that waited for a start', () => {
    const world = new World(WARM);
    const { backend } = world;
    world.wait(1);
    const grant = (told: LiveCall) => {
      const endpoint = backend.endpoints.get('warm');
      if (endpoint) backend.granted(told, endpoint, 5_000);
    };
    const told = { at: 0, callsAhead: 3, explainedMs: 1_000 };
    grant(Object.assign(world.call(), { told, coldSince: 0 }));
    expect(backend.waits.correction.of(3)).toBe(1);
    grant(Object.assign(world.call(), { told }));
    expect(backend.waits.correction.of(3)).toBeGreaterThan(1);
    expect(backend.waits.forecastCorrection.of(3)).toBe(1);
    grant(Object.assign(world.call(), { told: { ...told, isForecast: true } }));
    expect(backend.waits.forecastCorrection.of(3)).toBeGreaterThan(1);
    expect(world.run('warm', 6_000).told).toBeUndefined();
  });
});

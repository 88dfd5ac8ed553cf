/** The checks of prewarming, without a dispatcher: what is woken, released, or only told. */
import { describe, expect, it } from 'vitest';
import { ApplicationArrivals } from '../../../../src/core/arrivals/application-arrivals.ts';
import { Backend } from '../../../../src/core/backends/backend.ts';
import type { EndpointSpec } from '../../../../src/core/backends/endpoint-state.ts';
import { ApplicationModels } from '../../../../src/core/learning/application-models.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { WaitingQueue } from '../../../../src/core/order/waiting-queue.ts';
import type { PrewarmEffect } from '../../../../src/core/prewarm/prewarm-events.ts';
import type { PrewarmQuery, PrewarmRule } from '../../../../src/core/prewarm/prewarm-rule.ts';
import { Prewarmer } from '../../../../src/core/prewarm/prewarmer.ts';
import { SERVICE_SPEED } from '../../../../src/core/runs/demand.ts';
import { LiveRun } from '../../../../src/core/runs/live-run.ts';
import { backendSpec, callRequest } from '../../../dispatch-builders.ts';

const COLD = { estimateMs: 10_000, idleTimeoutMs: 60_000 };

/** Wakes so many endpoints. */
class Wanted implements PrewarmRule {
  readonly asked: PrewarmQuery[] = [];
  readonly #slots: number;

  constructor(slots: number) {
    this.#slots = slots;
  }

  wake(query: PrewarmQuery) {
    this.asked.push(query);
    return { wake: query.capacity < this.#slots, probability: 0.5, reason: 'wanted' };
  }

  hold(query: PrewarmQuery) {
    return this.wake(query);
  }
}

function setUp(
  wanted: number,
  mode: 'on' | 'off' = 'on',
  coldStart: EndpointSpec['coldStart'] = COLD,
) {
  const endpoints = ['e1', 'e2', 'e3'].map((id) => ({ id, slots: 2, coldStart }));
  const spec = backendSpec({ endpoints, prewarm: { mode, theta: 0.25 } });
  const queue = new WaitingQueue(() => 0, 'submission');
  const backend = new Backend('llm', spec, queue, 0);
  const models = new ApplicationModels(seededRandom(1));
  const rule = new Wanted(wanted);
  const view = {
    ...{ backends: new Map([['llm', backend]]), runs: new Map(), models },
    ...{ appArrivals: new ApplicationArrivals(models), speeds: () => SERVICE_SPEED },
  };
  const { checks, queries } = new Prewarmer(view, rule);
  const effects: PrewarmEffect[] = [];
  return { backend, checks, queries, rule, effects };
}

const done = (effects: readonly PrewarmEffect[]) =>
  effects.map(({ type, endpoint }) => `${type} ${endpoint}`);

describe('a check', () => {
  it('wakes one endpoint after the other until what is up suffices', () => {
    const { checks, rule, effects } = setUp(3);
    checks.run(0, 1_000, effects);
    expect(done(effects)).toEqual(['wake e1', 'wake e2']);
    expect(rule.asked.map(({ capacity }) => capacity)).toEqual([0, 2, 4]);
  });

  it('passes over endpoints that are paused, let go, or fail', () => {
    const { backend, checks, effects } = setUp(99);
    backend.endpoints.get('e1')?.setPaused(true, 0);
    const letGo = backend.endpoints.get('e2');
    if (letGo) letGo.letGo = true;
    const failing = backend.endpoints.get('e3');
    for (let i = 0; i < 3; i += 1) failing?.trust.failed(900 + i, 800);
    checks.run(0, 1_000, effects);
    expect(done(effects)).toEqual([]);
    failing?.trust.succeeded();
    checks.run(0, 2_000, effects);
    expect(done(effects)).toEqual(['wake e3']);
  });

  it('is not made of a backend that is not forecast', () => {
    const { checks, rule, effects } = setUp(99, 'off');
    checks.run(0, 1_000, effects);
    expect([effects, rule.asked]).toEqual([[], []]);
  });

  it('tells what it would decide without deciding it', () => {
    const { backend, queries } = setUp(3);
    const [outlook] = queries.outlook(1_000);
    expect(outlook).toMatchObject({ backend: 'llm' });
    expect(JSON.stringify(outlook)).toContain('wanted');
    expect(backend.pool.list.map(({ state }) => state)).toEqual(['cold', 'cold', 'cold']);
  });
});

describe('beside the checks', () => {
  it('the probability of a need is told of a backend without calls', () => {
    const { backend, queries } = setUp(0);
    const [soon = 1, late = 0] = [1_000, 3_600_000].map((ms) =>
      queries.needProbability('llm', ms, 0),
    );
    // Of a backend without any arrival little is expected, and more in a longer time.
    expect([soon > 0, soon < 0.01, late > soon]).toEqual([true, true, true]);
    expect(queries.needProbability('other', 60_000, 0)).toBeUndefined();
    backend.enqueue(new LiveRun('r', 'app', 0).submit(callRequest('c'), 1, 0), 0);
    expect(queries.needProbability('llm', 60_000, 0)).toBeUndefined();
  });

  it('idle endpoints that do not go cold by themselves are told to, whatever the mode', () => {
    const { backend, checks, effects } = setUp(0, 'off', { ...COLD, releasable: true });
    const endpoint = backend.endpoints.get('e2');
    endpoint?.wakes.begin({ cause: 'demand', at: 0, reason: 'a call', probability: 1 });
    endpoint?.wakes.answered(10_000);
    checks.releaseIdle(backend, 69_999, effects);
    const before = done(effects).filter((what) => what === 'release e2');
    checks.releaseIdle(backend, 70_000, effects);
    expect([before, done(effects).filter((what) => what === 'release e2')]).toEqual([
      [],
      ['release e2'],
    ]);
    expect(endpoint?.state).toBe('cold');
  });
});

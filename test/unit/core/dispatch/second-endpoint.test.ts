/** A call that waits has the endpoint woken that would serve it sooner than those that are up. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BackendSpec } from '../../../../src/core/backends/backend-spec.ts';
import type { DispatchEvent } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';
import { TimedDispatcher } from '../../../timed-dispatcher.ts';

const START_MS = 30_000;
const coldStart = { estimateMs: START_MS, idleTimeoutMs: 3_600_000 };

/** Two endpoints with these slots, which start in 30 s; calls last as long as the test says. */
class Site extends TimedDispatcher {
  readonly dispatcher: Dispatcher;
  readonly wakes: Array<{ endpoint: string; cause: string; at: number }> = [];
  readonly waitedMs = new Map<string, number>();
  readonly #serviceMs = new Map<string, number>();

  constructor(slots: number, fields: Partial<BackendSpec> = {}, budgetMs?: number) {
    super();
    const endpoints = ['e1', 'e2'].map((id) => ({ id, slots, coldStart }));
    const config = configOf({
      backends: { llm: backendSpec({ endpoints, ...fields }) },
      ...(budgetMs === undefined ? {} : { prewarmBudget: { warmMs: budgetMs } }),
    });
    this.dispatcher = new Dispatcher(config, { random: seededRandom(1) }, 0);
    // The first endpoint is warm.
    this.step({ type: 'wake-answered', backend: 'llm', endpoint: 'e1', ok: true });
  }

  submit(callId: string, serviceMs: number, unit = 'unit'): void {
    this.#serviceMs.set(callId, serviceMs);
    const kind = 'service';
    const call = callRequest(callId, { kind, arrivedAt: this.now, unit, final: true });
    this.step({ type: 'submitted', call });
  }

  step(...events: DispatchEvent[]): void {
    for (const effect of this.dispatcher.step(events, this.now)) {
      if (effect.type === 'wake') {
        const { backend, endpoint, wake } = effect;
        this.wakes.push({ endpoint, cause: wake.cause, at: this.now });
        const woken = { type: 'wake-answered', backend, endpoint, ok: true } as const;
        this.later(START_MS, { ...woken, tookMs: START_MS });
      }
      if (effect.type !== 'granted') continue;
      const { callId } = effect;
      this.waitedMs.set(callId, effect.waitedMs);
      const serviceMs = this.#serviceMs.get(callId) ?? 0;
      const event: DispatchEvent = { type: 'ended', callId, result: okResult(1, { serviceMs }) };
      this.later(serviceMs, event);
    }
  }

  /** Serves calls one by one, so that their service time is known. */
  teach(calls: number, serviceMs: number, unit = 'unit'): void {
    for (let i = 0; i < calls; i += 1) {
      this.submit(`taught-${unit}-${i}`, serviceMs, unit);
      this.until(this.now + serviceMs);
    }
  }
}

describe('one call that waits beside a long one', () => {
  it.each([
    ['prewarming off', { mode: 'off', theta: 0.25 }, undefined],
    ['a dry run', { mode: 'dry-run', theta: 0.25 }, undefined],
    ['prewarming on', { mode: 'on', theta: 0.25 }, undefined],
    ['a theta that never prewarms', { mode: 'on', theta: 1 }, undefined],
    ['no budget', { mode: 'on', theta: 0.25, budget: { warmMs: 0 } }, undefined],
    ['no budget of the tenant', { mode: 'on', theta: 0.25 }, 0],
  ] as const)('wakes the second endpoint with %s', (_, prewarm, budgetMs) => {
    const site = new Site(1, { prewarm }, budgetMs);
    site.submit('long', 600_000);
    site.submit('short', 1_000);
    site.until(700_000);
    expect(site.wakes[0]).toMatchObject({ endpoint: 'e2', at: 0 });
    expect(site.waitedMs.get('short')).toBe(START_MS);
  });

  it('wakes nothing where the call is known to end sooner than the other starts', () => {
    const site = new Site(1);
    site.teach(30, 2_000);
    site.submit('running', 2_000);
    site.submit('waiting', 2_000);
    site.until(site.now + 10_000);
    expect(site.wakes).toEqual([]);
    expect(site.waitedMs.get('waiting')).toBe(2_000);
  });

  it('wakes the second endpoint once a call that was expected to be short goes on', () => {
    const site = new Site(1);
    site.teach(30, 2_000);
    site.submit('stuck', 600_000);
    site.submit('waiting', 2_000);
    site.until(site.now + 600_000);
    expect(site.wakes).toMatchObject([{ endpoint: 'e2', cause: 'demand' }]);
    // It is left to the first endpoint for less than half a start, and waits for a start then.
    expect(site.waitedMs.get('waiting')).toBeLessThan(1.5 * START_MS);
  });

  it('wakes it at once where the running call is of a unit with long calls', () => {
    const site = new Site(1);
    site.teach(5, 100_000, 'report');
    site.teach(60, 2_000, 'chat');
    site.submit('running', 100_000, 'report');
    site.submit('waiting', 2_000, 'chat');
    site.until(site.now + 100_000);
    expect(site.waitedMs.get('waiting')).toBe(START_MS);
  });

  it('wakes the quickest of several', () => {
    const endpoints = [
      { id: 'e1', slots: 1 },
      { id: 'slow', slots: 1, coldStart: { ...coldStart, estimateMs: 120_000 } },
      { id: 'quick', slots: 1, coldStart },
    ];
    const site = new Site(1, { endpoints });
    site.submit('long', 600_000);
    site.submit('short', 1_000);
    expect(site.wakes).toMatchObject([{ endpoint: 'quick' }]);
  });
});

it('a queue is left to the endpoints that are up where they empty it within a start', () => {
  const site = new Site(8);
  site.teach(30, 2_000);
  for (let i = 0; i < 16; i += 1) site.submit(`c${i}`, 2_000);
  site.until(site.now + 60_000);
  expect(site.wakes).toEqual([]);
});

it('no call waits for long beside an endpoint that starts, whatever runs', () => {
  const durations = fc.constantFrom(100, 2_000, 20_000, 40_000, 300_000, 2_000_000);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3 }),
      fc.array(durations, { minLength: 2, maxLength: 4 }),
      fc.boolean(),
      (slots, lengths, isTaught) => {
        const site = new Site(slots);
        if (isTaught) site.teach(30, 2_000);
        // As many calls as both endpoints have slots.
        const calls = Array.from({ length: slots * 2 }, (_, i) => lengths[i % lengths.length] ?? 0);
        for (const [i, ms] of calls.entries()) site.submit(`c${i}`, ms);
        site.until(site.now + 4_000_000);
        for (let i = 0; i < calls.length; i += 1) {
          const waitedMs = site.waitedMs.get(`c${i}`) ?? Infinity;
          expect(waitedMs).toBeLessThan(isTaught ? 1.6 * START_MS : START_MS + 1_000);
        }
      },
    ),
    { numRuns: 60, seed: 16 },
  );
});

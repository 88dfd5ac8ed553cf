/**
 * The daily budget of prewarm pings: reserved in full, settled by what they took, never exceeded.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DispatchEvent } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { PrewarmBudget } from '../../../../src/core/prewarm/prewarm-budget.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';

const DAY = 86_400_000;

describe('PrewarmBudget', () => {
  function budgetOf(limits: { warmMs?: number; money?: number }): PrewarmBudget {
    const budget = new PrewarmBudget();
    budget.limits = limits;
    return budget;
  }

  it('allows everything without limits', () => {
    expect(new PrewarmBudget().allows(Number.MAX_SAFE_INTEGER, 1e6, 0)).toBe(true);
  });

  it('counts what is reserved as spent, and gives back what was not used', () => {
    const budget = budgetOf({ warmMs: 100 });
    expect(budget.allows(101, 0, 0)).toBe(false);
    budget.reserve('a', 70, 0, 0);
    expect(budget.allows(31, 0, 0)).toBe(false);
    expect(budget.allows(30, 0, 0)).toBe(true);
    expect(budget.settle('a', 20)).toBe(20);
    expect(budget.allows(80, 0, 20)).toBe(true);
    expect(budget.allows(81, 0, 20)).toBe(false);
  });

  it('reserves less once a ping can last less', () => {
    const budget = budgetOf({ warmMs: 100 });
    budget.reserve('a', 100, 0, 0);
    budget.narrow('a', 40);
    budget.narrow('a', 90);
    expect(budget.left(0)).toEqual({ warmMs: 60 });
    expect(budget.settle('a', 1_000)).toBe(40);
  });

  it('counts in money, at the price of each', () => {
    const budget = budgetOf({ money: 10 });
    budget.reserve('a', 3_000, 0.001, 0);
    expect(budget.allows(3_500, 0.002, 0)).toBe(true);
    expect(budget.allows(3_501, 0.002, 0)).toBe(false);
  });

  it('starts again at midnight UTC, charged with the rest of a ping in progress', () => {
    const budget = budgetOf({ warmMs: 100 });
    budget.reserve('a', 100, 0, DAY - 40);
    expect(budget.left(DAY - 1)).toEqual({ warmMs: 0 });
    expect(budget.left(DAY)).toEqual({ warmMs: 40 });
    budget.settle('a', DAY + 10);
    expect(budget.left(DAY + 10)).toEqual({ warmMs: 90 });
  });

  it('counts pings in progress at a restart in full, on each of their days', () => {
    const before = budgetOf({ warmMs: 100 });
    before.reserve('a', 30, 0, DAY - 50);
    before.settle('a', DAY - 40);
    before.reserve('b', 60, 0, DAY - 20);
    const after = budgetOf({ warmMs: 100 });
    after.restore(JSON.parse(JSON.stringify(before.snapshot())));
    expect(after.left(DAY - 10)).toEqual({ warmMs: 30 });
    expect(after.left(DAY + 1)).toEqual({ warmMs: 60 });
    expect(after.left(3 * DAY)).toEqual({ warmMs: 100 });
  });
});

/** Measures from the effects how long prewarm pings took, by UTC day. */
class Meter {
  readonly #open = new Map<string, { at: number; backend: string }>();
  readonly spent = new Map<string, number>();

  note(effects: ReturnType<Dispatcher['step']>, now: number): void {
    for (const effect of effects) {
      if (effect.type === 'wake' && effect.wake.cause !== 'demand' && !effect.dryRun) {
        this.#open.set(`${effect.backend} ${effect.endpoint}`, {
          at: now,
          backend: effect.backend,
        });
      } else if (effect.type === 'wake-settled' && effect.wake.cause !== 'demand') {
        this.end(`${effect.backend} ${effect.endpoint}`, now);
      }
    }
  }

  end(key: string, now: number): void {
    const open = this.#open.get(key);
    if (!open) return;
    this.#open.delete(key);
    for (let at = open.at; at < now; ) {
      const end = Math.min(now, (Math.floor(at / DAY) + 1) * DAY);
      for (const name of [open.backend, 'tenant']) {
        const day = `${name} ${Math.floor(at / DAY)}`;
        this.spent.set(day, (this.spent.get(day) ?? 0) + end - at);
      }
      at = end;
    }
  }

  endAll(now: number): void {
    for (const key of [...this.#open.keys()]) this.end(key, now);
  }
}

/** When an endpoint next goes cold or its wake is given up, in epoch ms. */
function nextChange({ backends }: Dispatcher): number {
  const endpoints = [...backends.values()].flatMap((b) => [...b.endpoints.values()]);
  return Math.min(...endpoints.map((e) => e.changesAt));
}

describe('a budget a day', () => {
  const BACKEND_MS = 400_000;
  const TENANT_MS = 600_000;
  const config = () => {
    const coldStart = { estimateMs: 20_000, idleTimeoutMs: 30_000, releasable: true };
    const spec = () =>
      backendSpec({
        endpoints: [
          { id: 'e1', slots: 1, coldStart },
          { id: 'e2', slots: 1, coldStart },
        ],
        // With a theta of 0, every endpoint is worth a ping.
        prewarm: { mode: 'on', theta: 0, budget: { warmMs: BACKEND_MS } },
      });
    const backends = { a: spec(), b: spec() };
    return configOf({ backends, prewarmBudget: { warmMs: TENANT_MS } });
  };

  type Move =
    | { readonly type: 'call' | 'end' | 'cancel'; readonly backend: 'a' | 'b' }
    | {
        readonly type: 'wake-answered' | 'gone-cold';
        readonly backend: 'a' | 'b';
        readonly endpoint: 'e1' | 'e2';
        readonly ok: boolean;
        readonly tookMs: number;
      }
    | { readonly type: 'forecast' | 'tick' | 'reconfigured' };

  const backend = fc.constantFrom('a' as const, 'b' as const);
  const moves = fc.oneof(
    fc.record({
      type: fc.constantFrom('call' as const, 'end' as const, 'cancel' as const),
      backend,
    }),
    fc.record({
      type: fc.constantFrom('wake-answered' as const, 'gone-cold' as const),
      backend,
      endpoint: fc.constantFrom('e1' as const, 'e2' as const),
      ok: fc.boolean(),
      tookMs: fc.integer({ min: 0, max: 90_000 }),
    }),
    fc.record({
      type: fc.constantFrom('forecast' as const, 'tick' as const, 'reconfigured' as const),
    }),
  );
  const steps = fc.array(
    fc.tuple(
      moves,
      fc.oneof(fc.integer({ min: 0, max: 40_000 }), fc.integer({ max: DAY, min: 0 })),
    ),
    { minLength: 20, maxLength: 120 },
  );

  function eventOf(
    move: Move,
    running: Array<{ id: string; backend: string }>,
    i: number,
    now: number,
  ) {
    switch (move.type) {
      case 'call': {
        const id = `c${i}`;
        running.push({ id, backend: move.backend });
        const call = callRequest(id, { backend: move.backend, arrivedAt: now, final: true });
        return { type: 'submitted', call } satisfies DispatchEvent;
      }
      case 'end':
      case 'cancel': {
        const at = running.findIndex((call) => call.backend === move.backend);
        const [call] = at < 0 ? [] : running.splice(at, 1);
        const callId = call?.id ?? 'none';
        return move.type === 'end'
          ? ({ type: 'ended', callId, result: okResult(10) } satisfies DispatchEvent)
          : ({ type: 'cancelled', callId } satisfies DispatchEvent);
      }
      case 'wake-answered':
      case 'gone-cold':
        return move satisfies DispatchEvent;
      case 'forecast':
        return { type: 'forecast', aheadMs: 60_000 } satisfies DispatchEvent;
      case 'reconfigured':
        return { type: 'configured', config: config() } satisfies DispatchEvent;
      case 'tick':
        return { type: 'tick' } satisfies DispatchEvent;
    }
  }

  it('is never exceeded by pings ahead of need, whatever happens', () => {
    let pinged = 0;
    let refused = 0;
    fc.assert(
      fc.property(steps, (list) => {
        const dispatcher = new Dispatcher(config(), { random: seededRandom(1) }, 0);
        const meter = new Meter();
        const running: Array<{ id: string; backend: string }> = [];
        let now = 0;
        const step = (events: DispatchEvent[]) => {
          const effects = dispatcher.step(events, now);
          pinged += effects.filter((e) => e.type === 'wake' && e.wake.cause !== 'demand').length;
          refused += effects.filter((e) => e.type === 'over-budget').length;
          meter.note(effects, now);
        };
        list.forEach(([move, waitMs], i) => {
          // Steps when the object's alarm would; steps each second would make the test too slow.
          const until = now + waitMs;
          for (let at = nextChange(dispatcher); at <= until; at = nextChange(dispatcher)) {
            now = Math.max(now, at);
            step([{ type: 'tick' }]);
          }
          now = until;
          step([eventOf(move, running, i, now)]);
        });
        meter.endAll(now);
        for (const [day, ms] of meter.spent) {
          const limit = day.startsWith('tenant') ? TENANT_MS : BACKEND_MS;
          if (ms > limit) throw new Error(`${day}: ${ms} ms of ${limit}`);
        }
      }),
      { numRuns: 150 },
    );
    // The budget was reached often enough to be tested.
    expect(pinged).toBeGreaterThan(100);
    expect(refused).toBeGreaterThan(100);
  });

  it('does not refuse wakes on demand', () => {
    const coldStart = { estimateMs: 1_000, idleTimeoutMs: 1_000 };
    const spec = backendSpec({
      endpoints: [{ id: 'e1', slots: 1, coldStart }],
      prewarm: { mode: 'on', theta: 0, budget: { warmMs: 0 } },
    });
    const dispatcher = new Dispatcher(
      configOf({ backends: { llm: spec } }),
      { random: seededRandom(1) },
      0,
    );
    const ahead = dispatcher.step([{ type: 'forecast', aheadMs: 0 }], 0);
    expect(ahead.map((e) => e.type)).toEqual(['over-budget']);
    const effects = dispatcher.step([{ type: 'submitted', call: callRequest('c') }], 1);
    expect(effects).toMatchObject([{ type: 'wake', wake: { cause: 'demand' }, dryRun: false }]);
  });
});

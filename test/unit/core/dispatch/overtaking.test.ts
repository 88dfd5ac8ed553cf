/**
 * Bounded waiting: a run is overtaken only by runs that arrive within rank / (weight * alpha) after
 * it. The rank is the one that the run had while it waited, computed here again by the policy
 * instead of read from the queue. It changes only when one of the run's own calls is submitted,
 * granted or ends.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DispatchEvent } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { POLICIES, type PolicyName } from '../../../../src/core/order/policies/registry.ts';
import type { LiveRun } from '../../../../src/core/runs/live-run.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';

/** The policies that promise the bound. */
const AGED = Object.values(POLICIES).filter((policy) => policy.key === 'aged');
const BACKENDS = ['llm', 'tool'] as const;

interface Visit {
  readonly unit: number;
  readonly backend: number;
  readonly tokens: readonly number[];
}

interface Planned {
  readonly gapMs: number;
  readonly app: number;
  readonly visits: readonly Visit[];
}

interface Setting {
  readonly alpha: number;
  readonly slots: number;
  readonly weight: number;
  readonly policy: PolicyName;
}

/** What the test knows of a run at a backend where calls of it wait. */
interface Waiter {
  readonly arrivedAt: number;
  /** Its waiting calls, without those that were granted. */
  readonly calls: Set<string>;
  boundMs: number;
}

class Street {
  readonly #dispatcher: Dispatcher;
  readonly #setting: Setting;
  readonly #plans: readonly Planned[];
  /** By backend, then by run. */
  readonly #waiters = new Map<string, Map<string, Waiter>>();
  /** The tokens of each call; `#ends` is the time at which a running call ends. */
  readonly #tokens = new Map<string, number>();
  readonly #ends = new Map<string, number>();
  readonly #arrivedAt = new Map<string, number>();
  readonly #visit = new Map<string, number>();
  overtakings = 0;
  now = 0;

  constructor(plans: readonly Planned[], setting: Setting) {
    this.#plans = plans;
    this.#setting = setting;
    const { alpha, slots, weight, policy } = setting;
    const backends = { llm: backendSpec({ slots }), tool: backendSpec({ slots: 1 }) };
    const config = configOf({ policy, alpha, backends, weights: { a0: weight } });
    this.#dispatcher = new Dispatcher(config, { random: seededRandom(1) }, 0);
    for (const backend of BACKENDS) this.#waiters.set(backend, new Map());
  }

  play(): void {
    this.#plans.forEach((plan, i) => {
      this.#until(this.now + plan.gapMs);
      this.#arrivedAt.set(`r${i}`, this.now);
      this.#submitVisit(i);
    });
    this.#until(Infinity);
  }

  /** Ends the calls that are due by this time. */
  #until(time: number): void {
    for (;;) {
      const next = [...this.#ends].reduce((a, b) => (b[1] < a[1] ? b : a), ['', Infinity]);
      if (next[1] > time || next[1] === Infinity) break;
      this.now = Math.max(this.now, next[1]);
      this.#end(next[0]);
    }
    if (time < Infinity) this.now = time;
  }

  #submitVisit(i: number): void {
    const plan = this.#plans[i];
    const at = this.#visit.get(`r${i}`) ?? 0;
    const visit = plan?.visits[at];
    if (!plan || !visit) return;
    visit.tokens.forEach((tokens, n) => {
      const callId = `r${i}/${at}/${n}`;
      this.#tokens.set(callId, tokens);
      const call = callRequest(callId, {
        runId: `r${i}`,
        app: `a${plan.app}`,
        unit: `u${visit.unit}`,
        backend: BACKENDS[visit.backend] ?? 'llm',
        arrivedAt: this.now,
        final: at === plan.visits.length - 1,
      });
      this.#step({ type: 'submitted', call }, `r${i}`, callId);
    });
  }

  #end(callId: string): void {
    this.#ends.delete(callId);
    const [runId = '', visit] = callId.split('/');
    const tokens = this.#tokens.get(callId) ?? 0;
    this.#step({ type: 'ended', callId, result: okResult(tokens) }, runId);
    const open = [...this.#tokens.keys()].some((id) => id.startsWith(`${runId}/${visit}/`));
    if (open) return;
    this.#visit.set(runId, Number(visit) + 1);
    this.#submitVisit(Number(runId.slice(1)));
  }

  /** Steps with one event of one run: only that run's ranks may change. */
  #step(event: DispatchEvent, runId: string, submitted?: string): void {
    if (event.type === 'ended') this.#tokens.delete(event.callId);
    const run = () => this.#dispatcher.register.runs.get(runId);
    if (submitted !== undefined && event.type === 'submitted') {
      const waiters = this.#waiters.get(event.call.backend);
      const waiter = waiters?.get(runId) ?? {
        arrivedAt: this.#arrivedAt.get(runId) ?? 0,
        calls: new Set<string>(),
        // It has no bound before it waits, when its rank is known.
        boundMs: Infinity,
      };
      waiter.calls.add(submitted);
      waiters?.set(runId, waiter);
    }
    const effects = this.#dispatcher.step([event], this.now);
    this.#rebind(run());
    for (const effect of effects) {
      if (effect.type === 'granted') this.#granted(effect.callId, effect.runId, effect.backend);
    }
  }

  /** Computes the run's rank again by the policy, at each backend where calls of it wait. */
  #rebind(run: LiveRun | undefined): void {
    if (!run) return;
    const { alpha, weight, policy } = this.#setting;
    for (const [name, waiters] of this.#waiters) {
      const waiter = waiters.get(run.id);
      const [callId] = waiter?.calls ?? [];
      const call = callId === undefined ? undefined : this.#dispatcher.call(callId);
      const backend = this.#dispatcher.backends.get(name);
      if (!waiter || !call || !backend) continue;
      const rank = POLICIES[policy].rank({
        run,
        call,
        model: this.#dispatcher.models.modelOrPrior(run.app),
        speeds: this.#dispatcher.speeds,
        slots: backend.slots,
        servedMs: 0,
      });
      waiter.boundMs = rank / ((run.app === 'a0' ? weight : 1) * alpha);
    }
  }

  #granted(callId: string, runId: string, backend: string): void {
    this.#ends.set(callId, this.now + 10 + (this.#tokens.get(callId) ?? 0));
    const waiters = this.#waiters.get(backend);
    const mine = waiters?.get(runId);
    mine?.calls.delete(callId);
    if (mine?.calls.size === 0) waiters?.delete(runId);
    this.#rebind(this.#dispatcher.register.runs.get(runId));
    const arrivedAt = this.#arrivedAt.get(runId) ?? 0;
    for (const [id, waiter] of waiters ?? []) {
      if (id === runId || arrivedAt <= waiter.arrivedAt) continue;
      this.overtakings += 1;
      // The error of adding times to ranks is far smaller than this.
      expect(arrivedAt - waiter.arrivedAt).toBeLessThanOrEqual(waiter.boundMs + 1e-6);
    }
  }
}

const visit = fc.record({
  unit: fc.nat(2),
  backend: fc.constantFrom(0, 0, 0, 1),
  tokens: fc.array(fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 5_000 })), {
    minLength: 1,
    maxLength: 4,
  }),
});
const planned = fc.record({
  gapMs: fc.nat(1_200),
  app: fc.nat(3),
  visits: fc.array(visit, { minLength: 1, maxLength: 4 }),
});
const setting = fc.record({
  alpha: fc.constantFrom(0.1, 0.5, 2),
  slots: fc.constantFrom(1, 1, 2, 4),
  weight: fc.constantFrom(0.2, 1, 5),
  policy: fc.constantFrom<PolicyName>('gittins', ...AGED.map((p) => p.name as PolicyName)),
});

describe('a wait', () => {
  it('is overtaken only by runs that arrive within rank / (weight * alpha) after it', () => {
    let overtakings = 0;
    fc.assert(
      fc.property(fc.array(planned, { minLength: 15, maxLength: 45 }), setting, (plans, how) => {
        const street = new Street(plans, how);
        street.play();
        overtakings += street.overtakings;
      }),
      { numRuns: 80 },
    );
    // Otherwise the test would have checked nothing.
    expect(overtakings).toBeGreaterThan(1_000);
  });

  it('has the bound of its rank at the grant, if the run is one call', () => {
    const run = fc.record({
      gapMs: fc.nat(2_000),
      app: fc.nat(3),
      tokens: fc.integer({ min: 1, max: 4_000 }),
    });
    fc.assert(
      fc.property(fc.array(run, { minLength: 20, maxLength: 60 }), (runs) => {
        const dispatcher = new Dispatcher(configOf({ slots: 1 }), { random: seededRandom(1) }, 0);
        const arrivedAt = new Map<string, number>();
        const overtakenBy = new Map<string, number>();
        let running = '';
        let now = 0;
        /**
         * Records that every waiting run that came earlier is overtaken by one that came at this
         * time.
         */
        const note = (cameAt: number) => {
          for (const id of arrivedAt.keys()) {
            overtakenBy.set(id, Math.max(cameAt, overtakenBy.get(id) ?? 0));
          }
        };
        const step = (event: DispatchEvent) => {
          for (const effect of dispatcher.step([event], now)) {
            if (effect.type !== 'granted') continue;
            running = effect.callId;
            const mine = arrivedAt.get(running) ?? 0;
            arrivedAt.delete(running);
            const latest = Math.max(mine, overtakenBy.get(running) ?? 0);
            expect(latest - mine).toBeLessThanOrEqual((effect.boundMs ?? Infinity) + 1e-6);
            note(mine);
          }
        };
        const tokens = new Map(runs.map((r, i) => [`c${i}`, r.tokens]));
        const end = () => {
          const callId = running;
          running = '';
          step({ type: 'ended', callId, result: okResult(tokens.get(callId) ?? 0) });
        };
        runs.forEach(({ gapMs, app }, i) => {
          now += gapMs;
          arrivedAt.set(`c${i}`, now);
          const fields = { app: `a${app}`, arrivedAt: now, final: true };
          step({ type: 'submitted', call: callRequest(`c${i}`, fields) });
          if (i % 2 === 1) end();
        });
        while (running !== '') end();
        expect(arrivedAt.size).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('has no bound at alpha 0: a large run waits for all short ones', () => {
    const dispatcher = new Dispatcher(
      configOf({ slots: 1, alpha: 0 }),
      { random: seededRandom(1) },
      0,
    );
    const submit = (callId: string, inputTokens: number, now: number) => {
      const app = callId === 'giant' ? 'large' : 'small';
      const call = callRequest(callId, { app, inputTokens, arrivedAt: now, final: true });
      return dispatcher.step([{ type: 'submitted', call }], now);
    };
    submit('first', 1, 0);
    // A rank of 2,200 ms: with an alpha of 0.5, no run that comes 4,400 ms later would overtake it.
    submit('giant', 20_000, 0);
    let running = 'first';
    for (let i = 0; i < 50; i += 1) {
      const now = (i + 1) * 1_000;
      submit(`short${i}`, 1, now);
      const ended = { type: 'ended', callId: running, result: okResult(1) } as const;
      for (const effect of dispatcher.step([ended], now)) {
        if (effect.type === 'granted') running = effect.callId;
      }
      expect(running).toBe(`short${i}`);
    }
  });
});

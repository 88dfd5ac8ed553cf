/**
 * Invariants of the dispatcher for any list of events, including failed attempts and overloaded
 * endpoints: never more calls than slots, no call lost or granted twice, every wait ends, no
 * attempt at an endpoint that has failed the call while there is another one, and no run is
 * overtaken beyond the stated bound.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type {
  DispatchEvent,
  Effect,
  Granted,
} from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import type { DispatcherConfig } from '../../../../src/core/dispatch/dispatcher-config.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { POLICY_NAMES, type PolicyName } from '../../../../src/core/order/policies/registry.ts';
import { ENDPOINT_ORDERS } from '../../../../src/core/prewarm/endpoint-orders.ts';
import type { CallResult } from '../../../../src/core/runs/call-result.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';
import { llm, runOf } from '../../../run-builders.ts';

const COLD_SLOTS = 2;
const SPARE_SLOTS = 1;

/** A dispatcher, and a record of calls that is derived from its effects alone. */
class World {
  readonly policy: PolicyName;
  readonly dispatcher: Dispatcher;
  readonly waiting = new Set<string>();
  /** The endpoint of each call that holds a slot. */
  readonly holding = new Map<string, string>();
  /** Endpoints that are paused, by the answers to orders. */
  readonly paused = new Set<string>();
  now = 0;
  #warmSlots = 2;
  readonly #failover: boolean;

  constructor(policy: PolicyName, failover: boolean, hasUnread: boolean) {
    this.policy = policy;
    this.#failover = failover;
    this.dispatcher = new Dispatcher(this.#config(), { random: seededRandom(1) }, 0);
    this.dispatcher.restore([], [], { hasUnread });
  }

  submit(n: number): void {
    const callId = `c${n}`;
    if (this.waiting.has(callId) || this.holding.has(callId)) return;
    this.waiting.add(callId);
    const fields = { runId: `r${n % 8}`, app: `a${n % 3}`, unit: `u${n % 2}`, arrivedAt: this.now };
    const deadlines = [
      { deadlineAt: this.now + 9_000, refuseIfLate: true },
      { deadlineAt: this.now + 25 },
      { deadlineAt: this.now + 2_500 },
    ];
    const deadline = deadlines[n % 5] ?? {};
    this.step({ type: 'submitted', call: callRequest(callId, { ...fields, ...deadline }) });
  }

  /** The attempt fails in one of the ways that allow another attempt. */
  again(n: number): void {
    const ways = [
      { endpointFault: true },
      { endpointFault: true, busy: true },
      { endpointFault: true, busy: true, retryAfterMs: 5_000 },
      { endpointFault: true, cold: true },
    ];
    const result = okResult(0, { outcome: 'failed', ...ways[n % ways.length] });
    this.step({ type: 'ended', callId: `c${n}`, result, again: true });
  }

  cancel(n: number): void {
    this.waiting.delete(`c${n}`);
    this.step({ type: 'cancelled', callId: `c${n}` });
  }

  /** A reduction of slots takes effect as calls end, so the record keeps those that are held. */
  setSlots(n: number): void {
    this.#warmSlots = Math.max(n, this.#held('warm'));
    this.step({ type: 'configured', config: this.#config() });
  }

  /** The call ends; if it waits for another attempt, that wait ends with it. */
  end(n: number, result: CallResult): void {
    this.waiting.delete(`c${n}`);
    this.step({ type: 'ended', callId: `c${n}`, result });
  }

  /** All running calls fail at once, after some time. */
  crash(n: number): void {
    this.now += n * 5_000;
    const result = okResult(0, { outcome: 'failed', endpointFault: true });
    const again = n % 2 === 0;
    const broken = [...this.holding.keys()];
    this.step(...broken.map((callId) => ({ type: 'ended' as const, callId, result, again })));
  }

  step(...events: readonly DispatchEvent[]): void {
    const effects = this.dispatcher.step(events, this.now);
    const again = new Set(
      events.flatMap((event) => (event.type === 'ended' && event.again ? [event.callId] : [])),
    );
    effects.forEach((effect, i) => {
      this.#check(effect);
      if (effect.type !== 'released' || !again.has(effect.callId)) return;
      // The call waits for another attempt, or has been granted one in the same step.
      const { callId } = effect;
      const later = effects.slice(i + 1);
      const goesOn = later.some((e) => 'callId' in e && e.callId === callId);
      if (goesOn || this.dispatcher.call(callId)) this.waiting.add(callId);
    });
    for (const [id, { slots }] of this.dispatcher.backends.get('llm')?.endpoints ?? []) {
      expect([id, slots.inFlight]).toEqual([id, this.#held(id)]);
    }
  }

  /** Without further events, and with ticks when the dispatcher asks for them, everything ends. */
  rest(): void {
    for (let i = 0; i < 1_000 && this.waiting.size + this.holding.size > 0; i += 1) {
      const due = Math.min(this.dispatcher.dueAt(this.now), this.now + 600_000);
      this.now = Math.max(this.now + 1, due);
      this.step({ type: 'tick' });
    }
    expect([...this.waiting, ...this.holding.keys()]).toEqual([]);
    expect(this.dispatcher.backends.get('llm')?.pool.running).toBe(0);
    expect(this.dispatcher.backends.get('llm')?.queue.size).toBe(0);
    expect(this.dispatcher.backends.get('llm')?.urgentRunning).toBe(0);
  }

  #check(effect: Effect): void {
    if (effect.type === 'refused') expect(this.waiting.delete(effect.callId)).toBe(true);
    if (effect.type === 'released') expect(this.holding.delete(effect.callId)).toBe(true);
    if (effect.type === 'order-answered') this.#ordered(effect);
    if (effect.type === 'wake') expect([...this.paused]).not.toContain(effect.endpoint);
    if (effect.type !== 'granted') return;
    expect(this.waiting.delete(effect.callId)).toBe(true);
    expect(this.holding.has(effect.callId)).toBe(false);
    this.holding.set(effect.callId, effect.endpoint);
    expect([...this.paused]).not.toContain(effect.endpoint);
    const slots = { warm: this.#warmSlots, cold: COLD_SLOTS, spare: SPARE_SLOTS }[effect.endpoint];
    expect(this.#held(effect.endpoint)).toBeLessThanOrEqual(slots ?? 0);
    this.#checkPlace(effect);
  }

  #ordered({ endpoint, order, outcome }: Extract<Effect, { type: 'order-answered' }>): void {
    if (order === 'pause') this.paused.add(endpoint);
    if (order === 'resume') this.paused.delete(endpoint);
    if (order === 'wake' && this.paused.has(endpoint)) expect(outcome).not.toBe('done');
    const known = this.dispatcher.backends.get('llm')?.endpoints.get(endpoint);
    expect(known?.isPaused).toBe(this.paused.has(endpoint));
  }

  /** A call does not go where it has failed if it can go elsewhere. */
  #checkPlace({ callId, endpoint: id }: Granted): void {
    const backend = this.dispatcher.backends.get('llm');
    const call = this.dispatcher.call(callId);
    if (!backend || !call) throw new Error(`granted: ${callId} at ${id}`);
    if (call.avoid?.has(id)) expect(backend.choice.hasOther(call.avoid, this.now)).toBe(false);
  }

  #held(endpoint: string): number {
    return [...this.holding.values()].filter((e) => e === endpoint).length;
  }

  #config(): DispatcherConfig {
    const coldStart = { estimateMs: 1_000, idleTimeoutMs: 5_000, releasable: true };
    const endpoints = [
      { id: 'warm', slots: this.#warmSlots },
      { id: 'cold', slots: COLD_SLOTS, coldStart },
      { id: 'spare', slots: SPARE_SLOTS },
    ];
    const prewarm = { mode: 'on' as const, theta: 0.2 };
    const failover = this.#failover;
    const llm = backendSpec({ endpoints, queueDepth: 10, maxWaitMs: 60_000, failover, prewarm });
    return configOf({ policy: this.policy, leaseMs: 30_000, backends: { llm } });
  }
}

const ACTIONS: Record<string, (world: World, n: number) => void> = {
  submit: (world, n) => world.submit(n),
  cancel: (world, n) => world.cancel(n),
  end: (world, n) => world.end(n, okResult(n)),
  fail: (world, n) => {
    const result = okResult(n, { outcome: 'failed', endpointFault: true, cold: n % 2 === 0 });
    world.end(n, result);
  },
  crash: (world, n) => world.crash(n),
  again: (world, n) => world.again(n),
  renew: (world, n) => world.step({ type: 'renewed', callId: `c${n}` }),
  finish: (world, n) => world.step({ type: 'run-finished', runId: `r${n % 8}` }),
  wait: (world, n) => {
    world.now += n * 2_500;
    world.step({ type: 'tick' });
  },
  woken: (world, n) => {
    const ok = n % 3 > 0;
    world.step({ type: 'wake-answered', backend: 'llm', endpoint: 'cold', ok, tookMs: 900 });
  },
  order: (world, n) => {
    const order = ENDPOINT_ORDERS[n % 4] ?? 'pause';
    const endpoint = ['cold', 'warm', 'spare'][Math.floor(n / 4) % 3] ?? '';
    world.step({ type: 'endpoint-ordered', backend: 'llm', endpoint, order });
  },
  forecast: (world) => world.step({ type: 'forecast', aheadMs: 60_000 }),
  slots: (world, n) => world.setSlots(1 + (n % 4)),
  read: (world, n) => world.step(runsRead(n)),
};

/** Some stored runs; each sixteenth part is the last. */
function runsRead(n: number): Extract<DispatchEvent, { type: 'runs-read' }> {
  const runs = Array.from({ length: n }, (_, i) => {
    const record = runOf(`a${(n + i) % 3}`, llm(`u${i % 2}`, [1 + 97 * ((n * i) % 16)]));
    return { record, finishedAt: i };
  });
  return { type: 'runs-read', part: n === 15 ? 'last' : n % 2 ? 'next' : 'newest', runs };
}

const action = fc.record({
  what: fc.constantFrom(
    ...['submit', 'submit', 'submit', 'end', 'end', 'again', 'again'],
    ...Object.keys(ACTIONS),
  ),
  // Few calls, so that most events concern a call that exists.
  n: fc.nat(15),
});

describe('the dispatcher, whatever happens', () => {
  it('never exceeds slots, never loses a call or grants it twice, and ends every wait', () => {
    fc.assert(
      fc.property(
        fc.array(action, { minLength: 50, maxLength: 150 }),
        fc.constantFrom(...POLICY_NAMES),
        fc.boolean(),
        fc.boolean(),
        (actions, policy, failover, hasUnread) => {
          const world = new World(policy, failover, hasUnread);
          for (const { what, n } of actions) {
            world.now += 7;
            ACTIONS[what]?.(world, n);
          }
          world.rest();
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('a wait', () => {
  it('is overtaken only by runs that arrive within rank / alpha after it', () => {
    const run = fc.record({
      gapMs: fc.nat(3_000),
      app: fc.nat(3),
      tokens: fc.integer({ min: 1, max: 5_000 }),
    });
    fc.assert(
      fc.property(
        fc.array(run, { minLength: 20, maxLength: 80 }),
        fc.constantFrom(0.1, 0.5, 2),
        fc.array(fc.nat(15), { maxLength: 80 }),
        (runs, alpha, reads) => {
          const config = configOf({ slots: 1, alpha });
          const dispatcher = new Dispatcher(config, { random: seededRandom(1) }, 0);
          dispatcher.restore([], [], { hasUnread: reads.length > 0 });
          const bounds = new Map<string, number>();
          const arrivals = new Map<string, number>();
          let busy: string | undefined;
          let now = 0;
          const apply = (event: DispatchEvent) => {
            for (const effect of dispatcher.step([event], now)) {
              if (effect.type !== 'granted') continue;
              busy = effect.callId;
              bounds.delete(busy);
              const arrivedAt = arrivals.get(busy) ?? 0;
              for (const bound of bounds.values()) expect(arrivedAt).toBeLessThanOrEqual(bound);
            }
          };
          runs.forEach(({ gapMs, app, tokens }, i) => {
            const read = reads[i];
            if (read !== undefined) apply(runsRead(read));
            now += gapMs;
            const callId = `c${i}`;
            arrivals.set(callId, now);
            const fields = { app: `a${app}`, arrivedAt: now, final: true };
            apply({ type: 'submitted', call: callRequest(callId, fields) });
            const call = dispatcher.call(callId);
            const key = call && dispatcher.backends.get('llm')?.queue.keyOf(call.run);
            // The key is rank + alpha * arrival, and no later arrival has a rank below 0.
            if (key !== undefined) bounds.set(callId, key / alpha + 1e-6);
            if (busy && i % 2 === 1) {
              apply({ type: 'ended', callId: busy, result: okResult(tokens) });
            }
          });
        },
      ),
      { numRuns: 200 },
    );
  });
});

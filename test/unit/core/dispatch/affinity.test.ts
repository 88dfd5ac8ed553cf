/** Calls that go where their prefix is cached, and wait for that endpoint while it pays. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BackendSpec } from '../../../../src/core/backends/backend-spec.ts';
import type { DispatchEvent, Granted } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import type { DispatcherConfig } from '../../../../src/core/dispatch/dispatcher-config.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { CallRequest } from '../../../../src/core/runs/call-request.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';

/** Time that 1,000 tokens take to be read is 1 s; calls are assumed to take 5 s. */
const SPEED = { inputMs: 1, outputMs: 10 };

function specOf(fields: Partial<BackendSpec> & { slots?: number } = {}): BackendSpec {
  const { slots = 1, ...rest } = fields;
  const endpoints = ['a', 'b'].map((id) => ({ id, slots, kvCacheTokens: 1_000_000 }));
  return backendSpec({ endpoints, speed: SPEED, ...rest });
}

/** Slots are kept so long for a key that had less, at most. */
const LONGEST_RESERVED_MS = 5_000;

const SERVED = { inputTokens: 10, serviceMs: 5_000 };

/** A dispatcher with two endpoints that counts what it does. */
class Line {
  readonly dispatcher: Dispatcher;
  readonly granted = new Map<string, Granted>();
  now = 0;

  constructor(spec = specOf(), config: Partial<DispatcherConfig> = {}) {
    const whole = configOf({ policy: 'fcfs', backends: { llm: spec }, ...config });
    this.dispatcher = new Dispatcher(whole, { random: seededRandom(1) }, 0);
  }

  step(...events: DispatchEvent[]): void {
    for (const effect of this.dispatcher.step(events, this.now)) {
      if (effect.type === 'granted') this.granted.set(effect.callId, effect);
    }
  }

  /** A call whose prompt is the first `tokens` tokens of a text that grew by cuts. */
  submit(callId: string, text: string, cuts: number[], fields: Partial<CallRequest> = {}): void {
    const prefix = cuts.map((tokens) => ({ id: `${text}${tokens}`, tokens }));
    const inputTokens = cuts.at(-1) ?? 10;
    const arrivedAt = this.now;
    const call = callRequest(callId, { inputTokens, prefix, arrivedAt, ...fields });
    this.step({ type: 'submitted', call });
  }

  end(callId: string, fields: Partial<ReturnType<typeof okResult>> = {}): void {
    this.step({ type: 'ended', callId, result: okResult(10, { ...SERVED, ...fields }) });
  }

  placeOf(callId: string): string | undefined {
    return this.granted.get(callId)?.endpoint;
  }

  /** Runs the dispatcher's own steps up to a time. */
  until(ms: number): void {
    for (let at = this.dispatcher.dueAt(this.now); at <= ms; at = this.dispatcher.dueAt(this.now)) {
      this.now = Math.max(this.now, at);
      this.step({ type: 'tick' });
    }
    this.now = ms;
  }

  get held(): number {
    return this.dispatcher.backends.get('llm')?.heldBack.size ?? 0;
  }
}

/** The text x was read on endpoint b, where another call runs now; a is free. */
function busyAtB(spec = specOf(), config: Partial<DispatcherConfig> = {}): Line {
  const line = new Line(spec, config);
  line.submit('filler', 'f', [10]);
  line.submit('first', 'x', [20_000]);
  expect([line.placeOf('filler'), line.placeOf('first')]).toEqual(['a', 'b']);
  line.end('first');
  line.submit('busy', 'y', [500]);
  expect(line.placeOf('busy')).toBe('b');
  line.end('filler');
  return line;
}

describe('a call with a prefix', () => {
  it('goes where its prefix is cached, though another endpoint is as empty', () => {
    const line = new Line();
    line.submit('filler', 'f', [10]);
    line.submit('first', 'x', [5_000]);
    line.end('filler');
    line.end('first');
    line.submit('second', 'x', [5_000, 6_000]);
    expect(line.placeOf('second')).toBe('b');
    line.end('second');
    line.submit('other', 'z', [5_000]);
    expect(line.placeOf('other')).toBe('a');
  });

  it('is held back for a busy endpoint while the wait is shorter than the prefill lost', () => {
    const line = busyAtB();
    line.submit('second', 'x', [20_000, 21_000]);
    expect(line.placeOf('second')).toBeUndefined();
    line.now = 700;
    line.end('busy');
    expect(line.granted.get('second')).toMatchObject({ endpoint: 'b', waitedMs: 700, heldMs: 700 });
  });

  it('is not held back where little is lost elsewhere', () => {
    const line = busyAtB();
    line.submit('second', 'x', [10, 21_000]);
    expect(line.placeOf('second')).toBe('a');
  });

  it('is not held back behind so many that the wait is longer', () => {
    const line = busyAtB();
    for (let i = 0; i < 30; i += 1) line.submit(`s${i}`, 'x', [20_000, 20_001 + i]);
    expect(line.held).toBeGreaterThan(0);
    expect(line.held).toBeLessThan(29);
    expect([...line.granted.values()].filter((g) => g.endpoint === 'a')).toHaveLength(2);
  });

  it('leaves the slot that is free to others, who are not counted as held', () => {
    const line = busyAtB();
    line.submit('second', 'x', [20_000, 21_000]);
    line.now = 100;
    line.submit('other', 'z', [30]);
    expect(line.placeOf('other')).toBe('a');
    line.now = 500;
    line.end('busy');
    // A slot was free for it until the other call took that.
    expect(line.granted.get('second')).toMatchObject({ endpoint: 'b', heldMs: 100 });
    expect(line.granted.get('other')?.heldMs).toBeUndefined();
  });

  it('takes another slot when it has waited for as long as it may', () => {
    const line = busyAtB();
    line.submit('second', 'x', [20_000, 21_000]);
    line.until(120_000);
    expect(line.placeOf('second')).toBe('a');
    expect(line.granted.get('second')?.waitedMs).toBeLessThanOrEqual(5 * 20_000);
    expect(line.held).toBe(0);
  });

  it.each(['prefer', 'off'] as const)('is never held back with affinity "%s"', (affinity) => {
    const line = busyAtB(specOf({ affinity }));
    line.submit('second', 'x', [20_000, 21_000]);
    expect(line.placeOf('second')).toBe('a');
  });

  it('goes to the emptiest endpoint with affinity "off"', () => {
    const line = new Line(specOf({ affinity: 'off' }));
    line.submit('filler', 'f', [10]);
    line.submit('first', 'x', [5_000]);
    line.end('filler');
    line.end('first');
    line.submit('second', 'x', [5_000, 6_000]);
    expect(line.placeOf('second')).toBe('a');
  });

  it('without one endpoint to choose from is held for none', () => {
    const line = new Line(backendSpec({ slots: 1, speed: SPEED }));
    line.submit('first', 'x', [5_000]);
    line.submit('second', 'x', [5_000, 6_000]);
    line.end('first');
    expect(line.placeOf('second')).toBe('e1');
    expect(line.granted.get('second')?.heldMs).toBeUndefined();
  });
});

describe('a call that is held back', () => {
  it('goes elsewhere when its endpoint is not configured any more', () => {
    const line = busyAtB();
    line.submit('second', 'x', [20_000, 21_000]);
    const backends = { llm: backendSpec({ endpoints: [{ id: 'a', slots: 1 }], speed: SPEED }) };
    line.step({ type: 'configured', config: configOf({ policy: 'fcfs', backends }) });
    expect(line.placeOf('second')).toBe('a');
  });

  it('goes elsewhere when its endpoint fails', () => {
    const line = busyAtB(specOf({ slots: 3 }));
    for (let i = 0; i < 2; i += 1) line.submit(`busy${i}`, 'x', [20_000, 20_001 + i]);
    line.submit('second', 'x', [20_000, 21_000]);
    expect(line.held).toBe(1);
    const result = { outcome: 'failed', endpointFault: true, cold: false, serviceMs: 5 } as const;
    line.now = 10;
    for (const callId of ['busy', 'busy0', 'busy1']) {
      line.step({ type: 'ended', callId, result });
      if (line.placeOf('second')) break;
    }
    expect(line.granted.has('second')).toBe(true);
  });

  it('is not held back again after an attempt that failed', () => {
    const line = busyAtB();
    line.submit('second', 'x', [20_000, 21_000]);
    line.end('busy');
    expect(line.placeOf('second')).toBe('b');
    line.submit('other', 'z', [30]);
    line.submit('more', 'w', [30]);
    const fault = { outcome: 'failed', endpointFault: true, cold: false, serviceMs: 5 } as const;
    line.step({ type: 'ended', callId: 'second', result: fault, again: true });
    line.end('other');
    expect(line.placeOf('second')).toBe('a');
  });

  it('may be cancelled, and leaves nothing behind', () => {
    const line = busyAtB();
    line.submit('second', 'x', [20_000, 21_000]);
    line.step({ type: 'cancelled', callId: 'second' });
    expect(line.held).toBe(0);
    expect(line.dispatcher.backends.get('llm')?.queue.size).toBe(0);
    line.end('busy');
    expect(line.dispatcher.backends.get('llm')?.pool.running).toBe(0);
  });

  it('is placed anew where the clock jumps back', () => {
    const line = busyAtB();
    line.now = 50_000;
    line.submit('second', 'x', [20_000, 21_000]);
    line.now = 1_000;
    line.step({ type: 'tick' });
    line.until(1_000 + 5 * 20_000);
    expect(line.placeOf('second')).toBe('a');
  });

  it('does not keep another API key from the slot that it leaves', () => {
    const line = busyAtB();
    line.submit('second', 'x', [20_000, 21_000], { keyId: 'k1' });
    line.submit('other', 'z', [30], { keyId: 'k2' });
    expect(line.placeOf('other')).toBe('a');
  });

  it('its calls of a fan-out beside it are not held back with it', () => {
    const line = busyAtB();
    line.submit('second', 'x', [20_000, 21_000], { runId: 'r' });
    line.submit('third', 'z', [30], { runId: 'r' });
    expect(line.placeOf('third')).toBe('a');
    expect(line.placeOf('second')).toBeUndefined();
  });

  it('tells the bound within which it was overtaken', () => {
    const line = busyAtB(specOf(), { policy: 'gittins', alpha: 0.5 });
    line.submit('second', 'x', [20_000, 21_000]);
    const waiting = line.dispatcher.call('second');
    const told = waiting && line.dispatcher.queueRank(waiting)?.boundMs;
    line.now = 5_000;
    line.submit('other', 'z', [30]);
    expect(line.placeOf('other')).toBe('a');
    line.end('busy');
    expect(line.granted.get('second')?.boundMs).toBeGreaterThanOrEqual(5_000);
    expect(told).toBeGreaterThanOrEqual(5_000);
  });
});

describe('an endpoint', () => {
  it('that starts anew has forgotten', () => {
    const coldStart = { estimateMs: 1_000, idleTimeoutMs: 2_000, releasable: false };
    const endpoints = ['a', 'b'].map((id) => ({ id, slots: 1, coldStart }));
    const line = new Line(specOf({ endpoints }));
    const warm = () => {
      for (const endpoint of ['a', 'b']) {
        line.step({ type: 'wake-answered', backend: 'llm', endpoint, ok: true });
      }
    };
    warm();
    line.submit('filler', 'f', [10]);
    line.submit('first', 'x', [5_000]);
    line.end('filler');
    line.end('first');
    line.until(10_000);
    warm();
    line.submit('second', 'x', [5_000, 6_000]);
    expect(line.placeOf('second')).toBe('a');
  });

  it('whose engine reports that it caches nothing is not waited for', () => {
    const line = new Line();
    for (let i = 0; i < 40; i += 1) {
      line.submit(`c${i}`, 'x', [20_000]);
      line.end(`c${i}`, { inputTokens: 20_000, cachedTokens: 0 });
    }
    line.submit('busy', 'x', [20_000]);
    line.submit('next', 'x', [20_000]);
    expect(line.placeOf('next')).toBeDefined();
    expect(line.held).toBe(0);
  });
});

describe('a call that continues a response', () => {
  /** A response that endpoint a has stored; no prefix is known of it. */
  const stored = (spec?: BackendSpec) => {
    const line = new Line(spec);
    line.submit('first', 'x', []);
    expect(line.placeOf('first')).toBe('a');
    line.end('first', { responseId: 'resp_1' });
    return line;
  };
  const next = (line: Line, callId: string) =>
    line.submit(callId, 'n', [], { continues: 'resp_1', prefix: [] });

  it.each(['hold', 'prefer', 'off'] as const)(
    'goes to the endpoint that stored it, and waits for it, with affinity "%s"',
    (affinity) => {
      const line = stored(specOf({ affinity }));
      line.submit('filler', 'f', []);
      expect(line.placeOf('filler')).toBe('a');
      next(line, 'second');
      expect(line.placeOf('second')).toBeUndefined();
      // Others take the slot that it leaves.
      line.submit('other', 'o', []);
      expect(line.placeOf('other')).toBe('b');
      line.now = 2_000;
      line.end('filler');
      expect(line.placeOf('second')).toBe('a');
    },
  );

  it('goes elsewhere when it has waited for a minute', () => {
    const line = stored();
    line.submit('filler', 'f', []);
    next(line, 'second');
    line.until(59_000);
    expect(line.placeOf('second')).toBeUndefined();
    line.until(61_000);
    expect(line.placeOf('second')).toBe('b');
  });

  it('goes elsewhere when that endpoint is configured no more', () => {
    const line = stored();
    const { endpoints } = specOf();
    const spec = specOf({ endpoints: endpoints.slice(1) });
    line.step({
      type: 'configured',
      config: configOf({ policy: 'fcfs', backends: { llm: spec } }),
    });
    next(line, 'second');
    expect(line.placeOf('second')).toBe('b');
  });
});

describe('whatever clients send', () => {
  it('a first message that many users share spreads over the endpoints', () => {
    const line = new Line(specOf({ slots: 8 }));
    for (let i = 0; i < 200; i += 1) {
      line.submit(`c${i}`, 'shared', [400], { keyId: `user${i % 100}`, final: true });
      line.now += 10;
      if (i >= 8) line.end(`c${i - 8}`);
    }
    const places = [...line.granted.values()].map(({ endpoint }) => endpoint);
    const onA = places.filter((endpoint) => endpoint === 'a').length;
    expect(onA).toBeGreaterThan(50);
    expect(places.length - onA).toBeGreaterThan(50);
  });

  it('a prompt that changes early in each call goes to the emptiest endpoint', () => {
    const line = new Line(specOf({ slots: 2 }));
    for (let i = 0; i < 50; i += 1) {
      line.submit(`c${i}`, `changed${i}-`, [10, 5_000, 50_000]);
      const expected = i % 2 === 0 ? 'a' : 'b';
      if (i < 4) expect(line.placeOf(`c${i}`)).toBe(expected);
      if (i >= 3) line.end(`c${i - 3}`);
    }
    expect([...line.granted.values()].every(({ prefixTokens }) => prefixTokens === 0)).toBe(true);
  });
});

it('no slot is exceeded, no call lost, and every wait ends, whatever prompts share', () => {
  const call = fc.record({
    text: fc.nat(3),
    cuts: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 }),
    run: fc.nat(5),
    key: fc.nat(2),
    gapMs: fc.nat(4_000),
    isCancelled: fc.boolean(),
  });
  const affinity = fc.constantFrom('hold', 'prefer', 'off' as const);
  const policy = fc.constantFrom('fcfs', 'gittins', 'talaria-ddl', 'vtc' as const);
  fc.assert(
    fc.property(fc.array(call, { maxLength: 40 }), affinity, policy, (calls, mode, name) => {
      const line = new Line(specOf({ affinity: mode, slots: 2 }), { policy: name });
      const backend = line.dispatcher.backends.get('llm');
      const check = () => {
        for (const { slots, spec } of backend?.endpoints.values() ?? []) {
          expect(slots.inFlight).toBeLessThanOrEqual(spec.slots);
        }
      };
      calls.forEach(({ text, cuts, run, key, gapMs, isCancelled }, i) => {
        line.until(line.now + gapMs);
        const tokens = [...new Set(cuts)].sort((a, b) => a - b).map((n) => n * 1_000);
        const fields = { runId: `r${run}`, keyId: `k${key}`, unit: `u${i}` };
        line.submit(`c${i}`, `t${text}-`, tokens, fields);
        if (isCancelled) line.step({ type: 'cancelled', callId: `c${Math.floor(i / 2)}` });
        const running = [...line.granted.keys()].find((id) => line.dispatcher.call(id)?.lease);
        if (i % 2 === 0 && running) line.end(running);
        check();
      });
      for (let rounds = 0; rounds < 2 * calls.length + 1; rounds += 1) {
        const running = [...line.granted.keys()].find((id) => line.dispatcher.call(id)?.lease);
        if (running) line.end(running);
        // Where nothing runs, slots are kept for keys that had less, for as long as they may be.
        else line.until(line.now + LONGEST_RESERVED_MS);
        check();
      }
      expect(backend?.queue.size).toBe(0);
      expect(backend?.pool.running).toBe(0);
      expect(line.held).toBe(0);
    }),
    { numRuns: 60 },
  );
});

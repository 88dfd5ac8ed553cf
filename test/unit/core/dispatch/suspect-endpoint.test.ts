/**
 * A call that fails as calls do at an endpoint that is not up: the client's error at an endpoint that
 * is known warm, and a reason to wake one that is not.
 */
import { describe, expect, it } from 'vitest';
import type { BackendSpec } from '../../../../src/core/backends/backend-spec.ts';
import type { DispatchEvent, Effect } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { CallResult } from '../../../../src/core/runs/call-result.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';

const START_MS = 20_000;
const coldStart = { estimateMs: START_MS, idleTimeoutMs: 300_000 };
const BASE = { outcome: 'failed', endpointFault: false, cold: false, serviceMs: 20 } as const;
/** "The model does not exist", "not ready yet", "paused". */
const UNREADY: CallResult = { ...BASE, mayBeCold: true };
/** 500, 502, 504, a refused connection. */
const FAULT: CallResult = { ...BASE, endpointFault: true, mayBeCold: true };
/** The endpoint did not answer in time. */
const TIMEOUT: CallResult = { ...BASE, endpointFault: true, timedOut: true };

class Site {
  readonly dispatcher: Dispatcher;
  now = 0;
  granted: string[] = [];
  wakes = 0;

  constructor(fields: Partial<BackendSpec> = {}) {
    const endpoints = [{ id: 'e1', slots: 4, coldStart }];
    const llm = backendSpec({ endpoints, ...fields });
    this.dispatcher = new Dispatcher(
      configOf({ backends: { llm } }),
      { random: seededRandom(1) },
      0,
    );
    this.step({ type: 'wake-answered', backend: 'llm', endpoint: 'e1', ok: true });
  }

  step(...events: DispatchEvent[]): Effect[] {
    const effects = this.dispatcher.step(events, this.now);
    for (const effect of effects) {
      if (effect.type === 'granted') this.granted.push(effect.callId);
      if (effect.type === 'wake') this.wakes += 1;
    }
    return effects;
  }

  at(ms: number): this {
    this.now = ms;
    this.step({ type: 'tick' });
    return this;
  }

  submit(callId: string, keyId = 'k'): void {
    const call = callRequest(callId, { arrivedAt: this.now, final: true, keyId });
    this.step({ type: 'submitted', call });
  }

  /** Ends a call; true where it goes on, and the client hears nothing. */
  end(callId: string, result: CallResult): boolean {
    this.step({ type: 'ended', callId, result, again: result.outcome !== 'ok' });
    return this.dispatcher.call(callId) !== undefined;
  }

  woken(tookMs: number): void {
    this.step({ type: 'wake-answered', backend: 'llm', endpoint: 'e1', ok: true, tookMs });
  }

  get state() {
    return this.dispatcher.backends.get('llm')?.endpoints.get('e1')?.state;
  }
}

describe.each([
  ['an answer "not there"', UNREADY],
  ['a fault', FAULT],
])('%s', (_, result) => {
  it('at an endpoint that was proved warm a moment ago is the client’s', () => {
    const site = new Site().at(1_000);
    site.submit('good');
    site.end('good', okResult(1));
    site.at(4_000).submit('bad');
    expect(site.end('bad', result)).toBe(false);
    expect([site.state, site.wakes]).toEqual(['warm', 0]);
  });

  it('at an endpoint that others were served at meanwhile is the client’s', () => {
    const site = new Site().at(60_000);
    site.submit('bad');
    site.submit('good');
    site.end('good', okResult(1));
    expect(site.end('bad', result)).toBe(false);
    expect([site.state, site.wakes]).toEqual(['warm', 0]);
  });

  it('at an endpoint that has been idle wakes it, and the call waits for that', () => {
    const site = new Site().at(60_000);
    site.submit('a');
    expect(site.end('a', result)).toBe(true);
    expect([site.state, site.wakes]).toEqual(['warming', 1]);
    site.at(60_000 + START_MS).woken(START_MS);
    expect(site.granted).toEqual(['a', 'a']);
    expect(site.end('a', okResult(1))).toBe(false);
  });

  it('of each of many calls at once waits for the one wake', () => {
    const site = new Site().at(60_000);
    for (const id of ['a', 'b', 'c', 'd']) site.submit(id);
    for (const id of ['a', 'b', 'c', 'd']) expect(site.end(id, result)).toBe(true);
    site.at(60_000 + START_MS).woken(START_MS);
    expect(site.wakes).toBe(1);
    expect(site.granted.slice(4).sort()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('that a wake shows to be the call’s own is the client’s, and is no reason again', () => {
    const site = new Site().at(60_000);
    site.submit('own');
    expect(site.end('own', result)).toBe(true);
    site.at(60_100).woken(100);
    expect(site.end('own', result)).toBe(false);
    expect(site.wakes).toBe(1);
    // The endpoint has been idle again, but this key's word was wrong.
    site.at(80_000).submit('again');
    expect(site.end('again', result)).toBe(false);
    expect(site.wakes).toBe(1);
    // Another key's is believed.
    site.at(87_000).submit('other', 'k2');
    expect(site.end('other', result)).toBe(true);
  });

  it('at an endpoint that never goes cold is the client’s', () => {
    const site = new Site({ endpoints: [{ id: 'e1', slots: 4 }] }).at(60_000);
    site.submit('a');
    expect(site.end('a', result)).toBe(false);
    expect([site.state, site.wakes]).toEqual(['warm', 0]);
  });

  it('pauses the call where calls are sent to cold endpoints', () => {
    const site = new Site({ whileCold: 'send' }).at(60_000);
    site.submit('a');
    expect(site.end('a', result)).toBe(true);
    expect(site.granted).toEqual(['a']);
    site.at(61_500);
    expect(site.granted).toEqual(['a', 'a']);
    expect(site.wakes).toBe(0);
  });

  it('comes to the client after three wakes that did not help', () => {
    const site = new Site();
    let now = 60_000;
    site.at(now).submit('a');
    let tries = 0;
    while (site.end('a', result)) {
      tries += 1;
      now += START_MS;
      site.at(now).woken(START_MS);
      // Idle again before the call is sent once more.
      expect(site.granted.length).toBe(tries + 1);
      if (tries > 5) break;
    }
    expect(tries).toBeLessThanOrEqual(3);
  });
});

describe('no answer in time', () => {
  it('ends the call, and has the next one wait for a wake', () => {
    const site = new Site().at(60_000);
    site.submit('a');
    expect(site.end('a', TIMEOUT)).toBe(false);
    expect(site.state).toBe('cold');
    site.at(200_000).submit('b');
    expect([site.state, site.wakes]).toEqual(['warming', 1]);
    expect(site.granted).toEqual(['a']);
  });

  it('ends the call alone at an endpoint that was proved warm a moment ago', () => {
    const site = new Site().at(4_000);
    site.submit('a');
    expect(site.end('a', TIMEOUT)).toBe(false);
    expect([site.state, site.wakes]).toEqual(['warm', 0]);
  });
});

describe('an endpoint that takes no connections', () => {
  const LOST: CallResult = { ...FAULT, connectionLost: true };

  it('is cold from the second loss of a call on, also just after it was proved warm', () => {
    const llm = backendSpec({ endpoints: [{ id: 'e1', slots: 4, coldStart }] });
    const dispatcher = new Dispatcher(
      configOf({ backends: { llm } }),
      { random: seededRandom(1) },
      0,
    );
    dispatcher.step([{ type: 'wake-answered', backend: 'llm', endpoint: 'e1', ok: true }], 1);
    const lost = (now: number) =>
      dispatcher.step([{ type: 'ended', callId: 'a', result: LOST, again: true }], now);
    const call = callRequest('a', { runId: 'a', arrivedAt: 2 });
    dispatcher.step([{ type: 'submitted', call }], 2);
    // Sent again at once: the connection may have been an old one.
    expect(lost(3).map(({ type }) => type)).toContain('granted');
    const effects = lost(4).map(({ type }) => type);
    expect(effects).toContain('wake');
    expect(effects).not.toContain('granted');
  });
});

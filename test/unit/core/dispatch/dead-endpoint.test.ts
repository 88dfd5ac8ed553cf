/** An endpoint that breaks every call, next to a cold endpoint that works. */
import { describe, expect, it } from 'vitest';
import type { DispatchEvent, Effect } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';
import { TimedDispatcher } from '../../../timed-dispatcher.ts';

const COLD_START_MS = 1_000;
const BROKEN = { outcome: 'failed', endpointFault: true, cold: false, serviceMs: 1 } as const;

/** A dispatcher with endpoints that answer each call and each wake after some time. */
class Site extends TimedDispatcher {
  readonly attempts = { bad: 0, burst: 0 };
  readonly told: string[] = [];
  wakes = 0;
  readonly dispatcher: Dispatcher;

  constructor() {
    super();
    const coldStart = { estimateMs: COLD_START_MS, idleTimeoutMs: 60_000 };
    const endpoints = [
      { id: 'bad', slots: 8 },
      { id: 'burst', slots: 8, coldStart },
    ];
    const config = configOf({ backends: { llm: backendSpec({ endpoints }) } });
    this.dispatcher = new Dispatcher(config, { random: seededRandom(1) }, 0);
  }

  step(...events: DispatchEvent[]): void {
    for (const effect of this.dispatcher.step(events, this.now)) this.#do(effect);
  }

  #do(effect: Effect): void {
    if (effect.type === 'refused') this.told.push(`${effect.callId} ${effect.code}`);
    if (effect.type === 'wake') {
      this.wakes += 1;
      const { backend, endpoint } = effect;
      const woken = {
        type: 'wake-answered',
        backend,
        endpoint,
        ok: true,
        tookMs: COLD_START_MS,
      } as const;
      this.later(COLD_START_MS, woken);
    }
    if (effect.type !== 'granted') return;
    const { callId } = effect;
    this.attempts[effect.endpoint === 'bad' ? 'bad' : 'burst'] += 1;
    const ended: DispatchEvent =
      effect.endpoint === 'bad'
        ? { type: 'ended', callId, result: BROKEN, again: true }
        : { type: 'ended', callId, result: okResult(5) };
    if (ended.result.outcome === 'ok') this.told.push(`${callId} ok`);
    this.later(10, ended);
  }
}

describe('a dead endpoint beside a cold one', () => {
  it.each([1, 5, 9, 40])('does not keep %i calls from being served', (calls) => {
    const site = new Site();
    const ids = Array.from({ length: calls }, (_, i) => `c${i}`);
    site.step(
      ...ids.map((callId): DispatchEvent => ({ type: 'submitted', call: callRequest(callId) })),
    );
    site.until(300_000);
    const served = site.told.filter((words) => words.endsWith(' ok')).length;
    // Eight calls at once, and two more before the third fault is known; later one trial call.
    expect(site.attempts.bad).toBeLessThanOrEqual(Math.min(calls, 8 + 3));
    // The retry budget allows ten retries.
    expect(served).toBe(calls - Math.max(0, site.attempts.bad - 10));
    expect(site.attempts.burst).toBe(served);
    expect(site.wakes).toBe(1);
  });
});

/**
 * Every policy of the registry satisfies the contract of policy-contract.ts, and has the order of
 * its name.
 */
import { describe, expect, it } from 'vitest';
import type { Granted } from '../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../src/core/learning/random.ts';
import { POLICY_NAMES, type PolicyName } from '../../src/core/order/policies/registry.ts';
import { callRequest, configOf, okResult } from '../dispatch-builders.ts';
import { policyContract } from './policy-contract.ts';

for (const policy of POLICY_NAMES) policyContract(policy);

/**
 * The order of three calls under a policy, with one slot. The dispatcher has learned that `short`
 * takes 10 tokens and `long` 1,000. While the slot is busy, three calls are submitted in this
 * order: of a long run that has finished one unit, of a new long run, of a new short run.
 */
function orderUnder(policy: PolicyName, weights: Record<string, number> = {}): string[] {
  const config = configOf({ policy, slots: 1, alpha: 0, weights });
  const dispatcher = new Dispatcher(config, { random: seededRandom(1) }, 0);
  const serve = (callId: string, runId: string, app: string, tokens: number, now: number) => {
    const call = callRequest(callId, { runId, app, arrivedAt: now });
    dispatcher.step([{ type: 'submitted', call }], now);
    dispatcher.step([{ type: 'ended', callId, result: okResult(tokens) }], now);
  };
  for (let i = 0; i < 25; i += 1) {
    for (const [app, tokens] of [
      ['short', 10],
      ['long', 1_000],
    ] as const) {
      const runId = `${app}${i}`;
      serve(`${runId}-1`, runId, app, tokens, i);
      dispatcher.step([{ type: 'run-finished', runId }], i);
    }
  }
  serve('begun-1', 'begun', 'long', 50, 100);
  const blocker = callRequest('blocker', { app: 'other', arrivedAt: 101 });
  dispatcher.step([{ type: 'submitted', call: blocker }], 101);
  const waiting = [
    callRequest('new-long', { app: 'long', arrivedAt: 102 }),
    callRequest('begun-2', { runId: 'begun', app: 'long', arrivedAt: 103 }),
    callRequest('new-short', { app: 'short', arrivedAt: 104 }),
  ];
  for (const call of waiting) {
    dispatcher.step([{ type: 'submitted', call }], call.arrivedAt);
  }
  const order: string[] = [];
  for (let callId = 'blocker'; ; ) {
    const effects = dispatcher.step([{ type: 'ended', callId, result: okResult(1) }], 200);
    const granted = effects.find((e): e is Granted => e.type === 'granted');
    if (!granted) return order;
    callId = granted.callId;
    order.push(callId);
  }
}

describe('the order of each policy', () => {
  it('fcfs: by the submission of the call', () => {
    expect(orderUnder('fcfs')).toEqual(['new-long', 'begun-2', 'new-short']);
  });

  it('app-fcfs: by the arrival of the run', () => {
    expect(orderUnder('app-fcfs')).toEqual(['begun-2', 'new-long', 'new-short']);
  });

  it('las: least attained service first', () => {
    expect(orderUnder('las')).toEqual(['new-long', 'new-short', 'begun-2']);
  });

  it('gittins: the call of the run expected to finish soonest first', () => {
    expect(orderUnder('gittins')[0]).toBe('new-short');
  });

  it('gittins: a weight makes an application go before others', () => {
    expect(orderUnder('gittins', { long: 1_000 })[0]).not.toBe('new-short');
  });
});

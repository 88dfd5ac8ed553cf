/**
 * The contract of every scheduling policy, whatever its order: policies.test.ts runs these tests on
 * each of them.
 */
import { describe, expect, it } from 'vitest';
import type { Granted } from '../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../src/core/learning/random.ts';
import type { PolicyName } from '../../src/core/order/policies/registry.ts';
import { callRequest, configOf, okResult } from '../dispatch-builders.ts';

export function policyContract(policy: PolicyName): void {
  const start = (slots: number) =>
    new Dispatcher(configOf({ policy, slots }), { random: seededRandom(1) }, 0);

  describe(`policy ${policy}`, () => {
    it('grants at once while a slot is free', () => {
      const dispatcher = start(2);
      const effects = dispatcher.step([{ type: 'submitted', call: callRequest('a') }], 1);
      expect(effects).toMatchObject([{ type: 'granted', callId: 'a', waitedMs: 1 }]);
    });

    it('never leaves a slot idle while a call waits for it', () => {
      const dispatcher = start(3);
      const running = new Set<string>();
      const grants = (effects: readonly { type: string }[]) =>
        effects.filter((e): e is Granted => e.type === 'granted').map((g) => g.callId);
      for (let i = 0; i < 40; i += 1) {
        const call = callRequest(`c${i}`, { runId: `r${i % 7}`, app: `app${i % 3}`, arrivedAt: i });
        for (const id of grants(dispatcher.step([{ type: 'submitted', call }], i))) running.add(id);
        expect(running.size).toBe(Math.min(3, i + 1));
      }
      let served = 0;
      for (let now = 50; running.size > 0; now += 1) {
        const [callId = ''] = running;
        running.delete(callId);
        served += 1;
        const ended = { type: 'ended' as const, callId, result: okResult(10 + (now % 5)) };
        for (const id of grants(dispatcher.step([ended], now))) running.add(id);
        expect(running.size).toBe(Math.min(3, 40 - served));
      }
      expect(served).toBe(40);
    });

    it('grants equal calls in the order in which they were submitted', () => {
      const dispatcher = start(1);
      const order: string[] = [];
      const note = (effects: readonly { type: string }[]) => {
        for (const e of effects) if (e.type === 'granted') order.push((e as Granted).callId);
      };
      const submitted = ['a', 'b', 'c', 'd'].map((id) => ({
        type: 'submitted' as const,
        call: callRequest(id, { runId: id, arrivedAt: 5 }),
      }));
      note(dispatcher.step(submitted, 5));
      for (const callId of ['a', 'b', 'c']) {
        note(dispatcher.step([{ type: 'ended', callId, result: okResult(1) }], 10));
      }
      expect(order).toEqual(['a', 'b', 'c', 'd']);
    });

    it('gives the same order for the same events', () => {
      const play = () => {
        const dispatcher = start(2);
        const log: unknown[] = [];
        for (let i = 0; i < 60; i += 1) {
          const call = callRequest(`c${i}`, {
            runId: `r${i % 9}`,
            app: `app${i % 4}`,
            inputTokens: (i * 37) % 900,
            arrivedAt: i,
          });
          const effects = dispatcher.step([{ type: 'submitted', call }], i);
          log.push(effects);
          const granted = effects.find((e) => e.type === 'granted');
          if (granted && 'callId' in granted) {
            const ended = { type: 'ended' as const, callId: granted.callId, result: okResult(i) };
            log.push(dispatcher.step([ended], i));
          }
        }
        return log;
      };
      expect(play()).toEqual(play());
    });

    it('ranks every run with a finite number, also one that is older than all samples', () => {
      const dispatcher = start(1);
      for (let i = 0; i < 30; i += 1) {
        const call = callRequest(`h${i}`, { runId: `h${i}`, final: true, arrivedAt: i });
        dispatcher.step([{ type: 'submitted', call }], i);
        dispatcher.step([{ type: 'ended', callId: `h${i}`, result: okResult(10) }], i);
      }
      let granted: Granted | undefined;
      for (let i = 0; i < 50; i += 1) {
        const call = callRequest(`o${i}`, { runId: 'old', arrivedAt: 100 });
        const effects = dispatcher.step([{ type: 'submitted', call }], 100 + i);
        granted = effects.find((e): e is Granted => e.type === 'granted');
        dispatcher.step([{ type: 'ended', callId: `o${i}`, result: okResult(5_000) }], 100 + i);
        expect(Number.isFinite(granted?.rankMs)).toBe(true);
        expect(granted?.rankMs).toBeGreaterThanOrEqual(0);
      }
    });
  });
}

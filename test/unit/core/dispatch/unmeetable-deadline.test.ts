/** Calls whose client asked for a refusal when their run cannot meet its deadline. */

import { describe, expect, it } from 'vitest';
import type { DispatchEvent, Effect } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { POLICY_NAMES, type PolicyName } from '../../../../src/core/order/policies/registry.ts';
import type { CallRequest } from '../../../../src/core/runs/call-request.ts';
import { callRequest, configOf, okResult } from '../../../dispatch-builders.ts';

/**
 * The length of twenty runs of the application: 1,000 tokens of 1 ms, and 100 input tokens of 0.1
 * ms.
 */
const USUAL_MS = 1_010;

function experienced(policy: PolicyName = 'gittins'): Dispatcher {
  const d = new Dispatcher(configOf({ slots: 1, policy }), { random: seededRandom(1) }, 0);
  for (let i = 0; i < 20; i += 1) {
    d.step([submit(`h${i}`, {})], 0);
    d.step([{ type: 'ended', callId: `h${i}`, result: okResult(1_000) }], 0);
  }
  return d;
}

function submit(callId: string, fields: Partial<CallRequest>): DispatchEvent {
  return { type: 'submitted', call: callRequest(callId, { final: true, sole: true, ...fields }) };
}

const told = (effects: readonly Effect[]) =>
  effects.flatMap((e) =>
    e.type === 'granted'
      ? [`${e.callId} runs`]
      : e.type === 'refused'
        ? [`${e.callId} ${e.code}`]
        : [],
  );

describe('a call whose run can hardly be complete in time', () => {
  it.each(POLICY_NAMES)('is refused at once where its client wants that, under %s', (policy) => {
    const d = experienced(policy);
    const late = { deadlineAt: USUAL_MS / 2, refuseIfLate: true };
    expect(told(d.step([submit('late', late)], 0))).toEqual(['late deadline_unmeetable']);
    expect(d.call('late')).toBeUndefined();
    const inTime = { deadlineAt: USUAL_MS * 2, refuseIfLate: true };
    expect(told(d.step([submit('in-time', inTime)], 0))).toEqual(['in-time runs']);
  });

  it('runs where its client did not say so', () => {
    const d = experienced();
    expect(told(d.step([submit('late', { deadlineAt: USUAL_MS / 2 })], 0))).toEqual(['late runs']);
  });

  it('is refused while it waits, when it becomes too late, and not before', () => {
    const d = experienced();
    d.step([submit('running', {})], 0);
    const asks = { deadlineAt: USUAL_MS * 3, refuseIfLate: true };
    expect(told(d.step([submit('waits', asks)], 0))).toEqual([]);
    const due = d.dueAt(0);
    expect(due).toBeCloseTo(USUAL_MS * 2, 0);
    expect(told(d.step([{ type: 'tick' }], due - 1))).toEqual([]);
    expect(told(d.step([{ type: 'tick' }], due))).toEqual(['waits deadline_unmeetable']);
    const after = d.step([{ type: 'ended', callId: 'running', result: okResult(5) }], due + 1);
    expect(told(after)).toEqual([]);
    expect(d.backends.get('llm')?.pool.running).toBe(0);
  });

  it('of an application that nobody knows is refused only when the deadline has passed', () => {
    const d = new Dispatcher(configOf({ slots: 1 }), { random: seededRandom(1) }, 0);
    d.step([submit('running', {})], 0);
    d.step([submit('waits', { app: 'new', deadlineAt: 700, refuseIfLate: true })], 0);
    expect(told(d.step([{ type: 'tick' }], 699))).toEqual([]);
    expect(told(d.step([{ type: 'tick' }], 700))).toEqual(['waits deadline_unmeetable']);
  });
});

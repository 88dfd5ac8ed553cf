/** When a restored dispatcher learns the stored runs: not before its first call, if that can be. */
import { describe, expect, it } from 'vitest';
import type { DispatchEvent } from '../../../../src/core/dispatch/dispatch-events.ts';
import { restoredDispatcher } from '../../../../src/core/dispatch/restored-dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { CallRequest } from '../../../../src/core/runs/call-request.ts';
import { callRequest, configOf } from '../../../dispatch-builders.ts';
import { llm, runOf } from '../../../run-builders.ts';

const NOW = 1_000_000;

function restored(leases: readonly CallRequest[] = []) {
  const read = { times: 0 };
  const finished = {
    *[Symbol.iterator]() {
      read.times += 1;
      for (let i = 0; i < 50; i += 1) {
        yield { record: runOf('app', llm('unit', [i * 10])), finishedAt: i };
      }
    },
  };
  const lease = { endpoint: 'e1', grantedAt: NOW, lengthMs: 90_000, expiresAt: NOW + 90_000 };
  const stored = {
    backends: [],
    finished,
    running: [],
    leases: leases.map((request) => ({ request, lease: { ...lease } })),
  };
  const options = { random: seededRandom(1) };
  return { dispatcher: restoredDispatcher(configOf({ slots: 2 }), options, stored, NOW), read };
}

const submitted = (call: CallRequest): DispatchEvent => ({ type: 'submitted', call });

describe('a restored dispatcher', () => {
  it('grants calls that find a slot before it learns the stored runs, and learns them next', () => {
    const { dispatcher, read } = restored();
    const effects = dispatcher.step([submitted(callRequest('a', { arrivedAt: NOW }))], NOW);
    expect(effects).toMatchObject([{ type: 'granted', callId: 'a' }]);
    expect(read.times).toBe(0);
    expect(dispatcher.dueAt(NOW)).toBe(NOW);
    dispatcher.step([{ type: 'tick' }], NOW);
    expect(read.times).toBe(1);
    expect(dispatcher.dueAt(NOW)).toBeGreaterThan(NOW);
    expect(dispatcher.models.model('app')?.graph.runs).toBe(50);
    expect(read.times).toBe(1);
  });

  it.each([
    ['a call that has to wait', [callRequest('x'), callRequest('y')], {}],
    ['a call with a deadline', [], { deadlineAt: NOW + 1_000 }],
  ] as const)('has learned them for %s', (_, leases, fields) => {
    const { dispatcher, read } = restored(leases);
    const call = callRequest('a', { arrivedAt: NOW, ...fields });
    dispatcher.step([submitted(call)], NOW);
    expect(read.times).toBe(1);
    const eager = restored(leases).dispatcher;
    expect(eager.models.model('app')?.graph.runs).toBe(50);
    eager.step([submitted(call)], NOW);
    for (const of of [dispatcher, eager]) expect(of.call('a')).toBeDefined();
    const rank = (of: typeof dispatcher) => {
      const live = of.call('a');
      return live && of.queueRank(live);
    };
    expect(rank(dispatcher)).toEqual(rank(eager));
  });

  it('has learned them when a stored lease is over', () => {
    const { dispatcher, read } = restored([callRequest('x')]);
    const later = NOW + 200_000;
    dispatcher.step([submitted(callRequest('a', { arrivedAt: later }))], later);
    expect(read.times).toBe(1);
  });
});

/** Calls that ask for several answers hold a slot for each. */
import { describe, expect, it } from 'vitest';
import type { DispatchEvent, Effect } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { LiveRun } from '../../../../src/core/runs/live-run.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';

type Fields = Parameters<typeof callRequest>[1];

const FCFS = { policy: 'app-fcfs' } as const;

function start(config = configOf({ slots: 4, ...FCFS })): Dispatcher {
  return new Dispatcher(config, { random: seededRandom(1) }, 0);
}

function submit(callId: string, sequences = 1, fields: Fields = {}): DispatchEvent {
  const wide = sequences > 1 ? { sequences } : {};
  return { type: 'submitted', call: callRequest(callId, { ...wide, ...fields }) };
}

function ended(callId: string, fields: Parameters<typeof okResult>[1] = {}): DispatchEvent {
  return { type: 'ended', callId, result: okResult(5, fields) };
}

function granted(effects: readonly Effect[]): string[] {
  return effects.flatMap((e) => (e.type === 'granted' ? [e.callId] : []));
}

/** Two endpoints, with their slots. */
function two(first: number, second: number) {
  const endpoints = [
    { id: 'e1', slots: first },
    { id: 'e2', slots: second },
  ];
  return configOf({ ...FCFS, backends: { llm: backendSpec({ endpoints }) } });
}

describe('a call of several sequences', () => {
  it('holds a slot for each', () => {
    const dispatcher = start();
    const effects = dispatcher.step([submit('a', 3), submit('b'), submit('c')], 0);
    expect(granted(effects)).toEqual(['a', 'b']);
    expect(granted(dispatcher.step([ended('a')], 10))).toEqual(['c']);
    expect(dispatcher.backends.get('llm')?.freeSlots(10)).toBe(2);
  });

  it.each([
    ['its end', ended('a')],
    ['its failure', ended('a', { outcome: 'failed', endpointFault: true })],
    ['its cancellation', { type: 'cancelled', callId: 'a' } as const],
  ])('gives them back once, at %s', (_, end) => {
    const dispatcher = start();
    dispatcher.step([submit('a', 3)], 0);
    const backend = dispatcher.backends.get('llm');
    expect(backend?.freeSlots(0)).toBe(1);
    dispatcher.step([end, end], 10);
    dispatcher.step([end], 20);
    expect(backend?.freeSlots(20)).toBe(4);
    expect(backend?.slotsInUse).toBe(0);
  });

  it('gives them back when its lease expires', () => {
    const dispatcher = start();
    dispatcher.step([submit('a', 3)], 0);
    for (let now = 0; now < 1e6; now += 10_000) dispatcher.step([{ type: 'tick' }], now);
    expect(dispatcher.backends.get('llm')?.freeSlots(1e6)).toBe(4);
  });

  it('gives them back before it is tried again', () => {
    const dispatcher = start();
    dispatcher.step([submit('a', 3)], 0);
    const busy = { outcome: 'failed', busy: true, retryAfterMs: 1_000 } as const;
    const result = okResult(0, busy);
    dispatcher.step([{ type: 'ended', callId: 'a', result, again: true }], 10);
    expect(dispatcher.backends.get('llm')?.slotsInUse).toBe(0);
    expect(granted(dispatcher.step([{ type: 'tick' }], 5_000))).toEqual(['a']);
    dispatcher.step([ended('a')], 5_010);
    expect(dispatcher.backends.get('llm')?.slotsInUse).toBe(0);
  });

  it('holds them after a restart', () => {
    const dispatcher = start();
    dispatcher.step([submit('a', 3)], 0);
    const call = dispatcher.call('a');
    if (!call?.lease) throw new Error('no lease');
    const stored = JSON.parse(JSON.stringify({ request: call.request, lease: call.lease }));
    const after = start();
    after.restore([LiveRun.restore(call.run.snapshot())], [stored]);
    expect(granted(after.step([submit('b'), submit('c')], 10))).toEqual(['b']);
    expect(granted(after.step([ended('a')], 20))).toEqual(['c']);
    expect(after.backends.get('llm')?.freeSlots(20)).toBe(2);
  });

  it('has an idle endpoint to itself where it asks for more than there are', () => {
    const dispatcher = start();
    expect(granted(dispatcher.step([submit('a', 16), submit('b')], 0))).toEqual(['a']);
    expect(granted(dispatcher.step([ended('a')], 10))).toEqual(['b']);
    expect(granted(dispatcher.step([submit('c', 16), submit('d')], 20))).toEqual([]);
    expect(granted(dispatcher.step([ended('b')], 30))).toEqual(['c']);
  });

  it('goes where an endpoint has enough slots, though a smaller one is idle', () => {
    const dispatcher = start(two(2, 4));
    const first = dispatcher.step([submit('a', 3), submit('b', 3)], 0);
    expect(first).toMatchObject([{ type: 'granted', callId: 'a', endpoint: 'e2' }]);
    const then = dispatcher.step([ended('a')], 10);
    expect(then.filter((e) => e.type === 'granted')).toMatchObject([
      { callId: 'b', endpoint: 'e2' },
    ]);
  });

  it('is left the slots that come free, so that later calls do not starve it', () => {
    const dispatcher = start();
    dispatcher.step([submit('a'), submit('b'), submit('c'), submit('d')], 0);
    dispatcher.step([submit('wide', 3)], 1);
    const order: string[] = [];
    for (const [i, id] of ['a', 'b', 'c', 'd'].entries()) {
      order.push(...granted(dispatcher.step([submit(`later${i}`), ended(id)], 10 + i)));
    }
    expect(order).toEqual(['wide', 'later0']);
  });

  it('keeps one endpoint for itself, and others go on elsewhere within the bound', () => {
    const dispatcher = start({ ...two(2, 2), policy: 'gittins' });
    dispatcher.step([submit('a'), submit('b'), submit('c'), submit('d')], 0);
    const wide = submit('wide', 2, { arrivedAt: 1 });
    dispatcher.step([wide, submit('soon', 1, { arrivedAt: 1, inputTokens: 500 })], 1);
    // One of each endpoint: the first stays free, the second is used.
    expect(granted(dispatcher.step([ended('a')], 10))).toEqual([]);
    expect(granted(dispatcher.step([ended('b')], 11))).toEqual(['soon']);
    // Whoever arrives after the bound that was told waits behind it.
    expect(
      granted(dispatcher.step([submit('late', 1, { arrivedAt: 5_000 }), ended('d')], 5_000)),
    ).toEqual([]);
    expect(granted(dispatcher.step([ended('c')], 5_001))).toContain('wide');
  });

  it('is paid for by its API key, with the slots that were kept for it', () => {
    const dispatcher = start(configOf({ slots: 2, ...FCFS }));
    const [a, b] = [{ keyId: 'a' }, { keyId: 'b' }];
    dispatcher.step([submit('b0', 1, b), submit('b1', 1, b)], 0);
    dispatcher.step([submit('wide', 2, a), submit('b2', 1, b), submit('a1', 1, a)], 1);
    dispatcher.step([ended('b0')], 1_000);
    // A slot stands free from 1 s to 2 s, then both are in use for 1 s.
    expect(granted(dispatcher.step([ended('b1')], 2_000))).toEqual(['wide']);
    expect(granted(dispatcher.step([submit('b3', 1, b), ended('wide')], 4_000))).toEqual([
      'b2',
      'b3',
    ]);
  });
});

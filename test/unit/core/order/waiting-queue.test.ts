/**
 * The calls that wait for one backend: runs ordered by key, and calls within a run by its own
 * order.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WaitingQueue } from '../../../../src/core/order/waiting-queue.ts';
import type { CallRequest } from '../../../../src/core/runs/call-request.ts';
import type { LiveCall } from '../../../../src/core/runs/live-run.ts';
import { LiveRun } from '../../../../src/core/runs/live-run.ts';
import { callRequest } from '../../../dispatch-builders.ts';

const ROOM = { now: 0, slots: 1, urgentRunning: 0 };

const runOf = (id: string) => new LiveRun(id, 'app', 0);

function callOf(run: LiveRun, seq: number, fields: Partial<CallRequest> = {}): LiveCall {
  return run.submit(callRequest(`${run.id}-${seq}`, { runId: run.id, ...fields }), seq, 0);
}

/** Takes out all calls; returns their ids. */
function drain(line: WaitingQueue): string[] {
  const ids: string[] = [];
  for (let next = line.take(ROOM); next; next = line.take(ROOM)) ids.push(next.call.request.callId);
  return ids;
}

/** Runs that go before a call; undefined where it does not wait. */
function runsAhead(line: WaitingQueue, call: LiveCall): number | undefined {
  return line.ahead(call, false)?.items;
}

describe('WaitingLine', () => {
  it('takes the run of the smallest key first, and tells the key', () => {
    const keys = new Map([
      ['a', 3],
      ['b', 1],
      ['c', 2],
    ]);
    const line = new WaitingQueue((run) => keys.get(run.id) ?? 0, 'submission');
    ['a', 'b', 'c'].forEach((id, seq) => {
      line.add(callOf(runOf(id), seq));
    });
    expect(line.size).toBe(3);
    expect([line.take(ROOM)?.key, line.take(ROOM)?.key, line.take(ROOM)?.key]).toEqual([1, 2, 3]);
    expect(line.take(ROOM)).toBeUndefined();
    expect(line.size).toBe(0);
  });

  it('takes runs of equal keys in the order of submission', () => {
    const line = new WaitingQueue(() => 1, 'submission');
    const calls = [4, 2, 9, 1].map((seq) => callOf(runOf(`r${seq}`), seq));
    for (const call of calls) line.add(call);
    expect(drain(line)).toEqual(['r1-1', 'r2-2', 'r4-4', 'r9-9']);
  });

  it('takes the calls of a run in the order of submission, though added in another', () => {
    const line = new WaitingQueue(() => 1, 'submission');
    const run = runOf('a');
    const first = callOf(run, 1, { inputTokens: 1 });
    const second = callOf(run, 2, { inputTokens: 500 });
    line.add(second);
    line.add(first);
    expect(drain(line)).toEqual(['a-1', 'a-2']);
  });

  it('takes the longest call of a run first if configured so, equal ones as submitted', () => {
    const line = new WaitingQueue(() => 1, 'longest-first');
    const run = runOf('a');
    line.add(callOf(run, 1, { inputTokens: 100 }));
    line.add(callOf(run, 2, { inputTokens: 50, maxOutputTokens: 500 }));
    line.add(callOf(run, 3, { inputTokens: 300 }));
    line.add(callOf(run, 4, { inputTokens: 100 }));
    expect(drain(line)).toEqual(['a-2', 'a-3', 'a-1', 'a-4']);
  });

  it('is a sort by size and submission whatever order the calls of a run come in', () => {
    const call = fc.record({ tokens: fc.integer({ min: 0, max: 5 }) });
    fc.assert(
      fc.property(fc.array(call, { maxLength: 15 }), fc.boolean(), (calls, longest) => {
        const line = new WaitingQueue(() => 1, longest ? 'longest-first' : 'submission');
        const run = runOf('a');
        const waiting = calls.map(({ tokens }, i) =>
          callOf(run, (i * 7) % 16, { inputTokens: tokens }),
        );
        for (const one of waiting) line.add(one);
        const expected = [...waiting].sort(
          (a, b) => (longest ? b.request.inputTokens - a.request.inputTokens : 0) || a.seq - b.seq,
        );
        expect(drain(line)).toEqual(expected.map((one) => one.request.callId));
      }),
    );
  });

  it('gives the key function the call that would go', () => {
    const line = new WaitingQueue((_, head) => head.request.inputTokens, 'submission');
    const a = runOf('a');
    const b = runOf('b');
    line.add(callOf(a, 1, { inputTokens: 1 }));
    line.add(callOf(a, 2, { inputTokens: 9 }));
    line.add(callOf(b, 3, { inputTokens: 5 }));
    expect(line.keyOf(a)).toBe(1);
    expect(drain(line)).toEqual(['a-1', 'b-3', 'a-2']);
  });

  it('changes the order only when a run gets a new key', () => {
    const keys = new Map([
      ['a', 1],
      ['b', 2],
    ]);
    const line = new WaitingQueue((run) => keys.get(run.id) ?? 0, 'submission');
    const a = runOf('a');
    const b = runOf('b');
    const [ofA, ofB] = [callOf(a, 1), callOf(b, 2)];
    line.add(ofA);
    line.add(ofB);
    keys.set('a', 3);
    expect(line.keyOf(a)).toBe(1);
    expect(runsAhead(line, ofA)).toBe(0);
    line.rekey(a);
    expect(line.keyOf(a)).toBe(3);
    expect([runsAhead(line, ofA), runsAhead(line, ofB)]).toEqual([1, 0]);
    line.rekey(runOf('stranger'));
    expect(drain(line)).toEqual(['b-2', 'a-1']);
  });

  it('removes a call, and its run with the last one', () => {
    const line = new WaitingQueue((_, head) => head.seq, 'submission');
    const a = runOf('a');
    const b = runOf('b');
    const first = callOf(a, 1);
    const second = callOf(a, 3);
    line.add(first);
    line.add(second);
    line.add(callOf(b, 2));
    expect(line.remove(first)).toBe(true);
    expect(line.remove(first)).toBe(false);
    expect(line.size).toBe(2);
    // The second call is now the first of its run, so the run's key is that of the second call.
    expect(line.keyOf(a)).toBe(3);
    expect(runsAhead(line, second)).toBe(1);
    expect(line.remove(second)).toBe(true);
    expect(line.keyOf(a)).toBeUndefined();
    expect(runsAhead(line, second)).toBeUndefined();
    expect(line.remove(callOf(runOf('stranger'), 9))).toBe(false);
    expect(drain(line)).toEqual(['b-2']);
  });

  it('lists the calls that wait and no others', () => {
    const line = new WaitingQueue(() => 1, 'submission');
    const a = runOf('a');
    const calls = [callOf(a, 1), callOf(a, 2), callOf(runOf('b'), 3)];
    for (const call of calls) line.add(call);
    expect(new Set(line.calls())).toEqual(new Set(calls));
    line.take(ROOM);
    expect(new Set(line.calls())).toEqual(new Set(calls.slice(1)));
  });
});

describe('calls that are held back for an endpoint', () => {
  const keys = new Map([
    ['a', 1],
    ['b', 2],
    ['c', 3],
  ]);
  const isOpen = (open: string) => ({ ...ROOM, isOpen: (endpoint: string) => endpoint === open });

  /** Runs a and b, of which a is held back for e. */
  function heldLine() {
    const line = new WaitingQueue((run) => keys.get(run.id) ?? 0, 'submission');
    const calls = ['a', 'b'].map((id, seq) => callOf(runOf(id), seq));
    for (const call of calls) line.add(call);
    const next = line.take(ROOM);
    if (!next) throw new Error('nothing waits');
    next.call.placed.heldFor = 'e';
    line.addBack(next);
    return { line, held: next.call };
  }

  it('are passed while the endpoint is full, and go in their order once it is not', () => {
    const { line } = heldLine();
    expect(line.size).toBe(2);
    expect([line.heldFor('e'), line.heldBefore('e', 0), line.heldBefore('e', 1)]).toEqual([
      1, 0, 1,
    ]);
    expect(line.take(isOpen('other'))?.key).toBe(2);
    expect(line.take(isOpen('other'))).toBeUndefined();
    expect(line.take(isOpen('e'))?.key).toBe(1);
    expect([line.size, line.heldFor('e')]).toEqual([0, 0]);
  });

  it('are re-keyed with their run, counted for it, and can be removed', () => {
    const { line, held } = heldLine();
    keys.set('a', 9);
    line.rekey(held.run);
    expect(line.keyOf(held.run)).toBe(9);
    keys.set('a', 1);
    expect(runsAhead(line, held)).toBe(1);
    expect(line.heldCalls()).toEqual([held]);
    expect([...line.calls()]).toHaveLength(2);
    expect(line.remove(held)).toBe(true);
    expect([line.size, line.heldFor('e'), line.runs]).toEqual([1, 0, 1]);
  });

  it('keep at most the key that their run had', () => {
    const { line, held } = heldLine();
    keys.set('a', 9);
    line.remove(held);
    line.addBack({ call: held, key: 1, promisedKey: 1, urgent: false });
    expect([line.keyOf(held.run), line.promisedKeyOf(held.run)]).toEqual([1, 1]);
    keys.set('a', 1);
  });

  it('do not ask for a slot while the endpoint is full', () => {
    const { line, held } = heldLine();
    expect(line.wantsSlot('', () => false)).toBe(true);
    line.take(isOpen('other'));
    expect(line.wantsSlot('', () => false)).toBe(false);
    expect(line.wantsSlot('', () => true)).toBe(true);
    expect(line.wantsSlot('key', () => true)).toBe(false);
    expect(held.placed.heldFor).toBe('e');
  });
});

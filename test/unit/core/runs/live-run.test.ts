/** The state of a run in flight: visits, fan-outs, the client's own units, and snapshots. */

import { describe, expect, it } from 'vitest';
import { type CallRequest, CLIENT_BACKEND } from '../../../../src/core/runs/call-request.ts';
import type { Speeds } from '../../../../src/core/runs/demand.ts';
import type { LiveCall } from '../../../../src/core/runs/live-run.ts';
import { LiveRun } from '../../../../src/core/runs/live-run.ts';
import { callRequest } from '../../../dispatch-builders.ts';

const SPEEDS: Speeds = (backend) =>
  backend === 'llm' ? { inputMs: 0.5, outputMs: 10 } : { inputMs: 0, outputMs: 1 };

/** Returns a function that submits calls with rising sequence numbers. */
function submitter(run: LiveRun) {
  let seq = 0;
  return (unit: string, now: number, fields: Partial<CallRequest> = {}): LiveCall => {
    seq += 1;
    return run.submit(callRequest(`c${seq}`, { runId: run.id, unit, ...fields }), seq, now);
  };
}

function settle(call: LiveCall, now: number, input = 100, output = 10): void {
  const record = { input_tokens: input, output_tokens: output };
  call.run.settle(call, record, { input, output }, now);
}

const newRun = () => new LiveRun('r1', 'app', 1_000);

describe('LiveRun', () => {
  it('takes calls of a unit that overlap as one visit', () => {
    const run = newRun();
    const submit = submitter(run);
    const first = submit('map', 1_000, { inputTokens: 40 });
    const second = submit('map', 1_100, { inputTokens: 90 });
    settle(first, 1_200);
    const third = submit('map', 1_300, { inputTokens: 10 });
    expect(run.visits).toHaveLength(1);
    expect(second.visit).toBe(first.visit);
    expect(third.visit).toBe(first.visit);
    expect(first.visit).toMatchObject({
      number: 1,
      startedAt: 1_000,
      fanOut: 3,
      outstanding: 2,
      largestInput: 90,
      callsBefore: 0,
    });
    expect(run.outstanding).toBe(2);
  });

  it('begins the next visit of a unit when all its calls have ended', () => {
    const run = newRun();
    const submit = submitter(run);
    settle(submit('map', 1_000), 1_200);
    const second = submit('map', 1_300);
    expect(second.visit).toMatchObject({ number: 2, fanOut: 1, callsBefore: 1 });
    expect(run.visits).toHaveLength(2);
  });

  it('keeps units apart that overlap, and one unit on two backends', () => {
    const run = newRun();
    const submit = submitter(run);
    const plan = submit('plan', 1_000);
    const map = submit('map', 1_000);
    const elsewhere = submit('map', 1_000, { backend: 'tool' });
    expect(new Set([plan.visit, map.visit, elsewhere.visit]).size).toBe(3);
    expect([map.visit.callsBefore, elsewhere.visit.callsBefore]).toEqual([1, 2]);
    expect([map.visit.number, elsewhere.visit.number]).toEqual([1, 2]);
  });

  it('takes the deadline and the end of the run from its calls', () => {
    const run = newRun();
    const submit = submitter(run);
    submit('a', 1_000, { deadlineAt: 9_000 });
    submit('a', 1_500);
    expect([run.deadlineAt, run.final, run.lastActiveAt]).toEqual([9_000, false, 1_500]);
    submit('a', 1_600, { final: true, deadlineAt: 8_000 });
    expect([run.deadlineAt, run.final, run.lastActiveAt]).toEqual([8_000, true, 1_600]);
  });

  it('does not count a call that failed, and is broken until a later call succeeds', () => {
    const run = newRun();
    const submit = submitter(run);
    const good = submit('a', 1_000);
    const bad = submit('a', 1_000);
    run.settle(bad, undefined, { input: 5, output: 5 }, 1_100);
    expect(run.broken).toBe(true);
    expect(good.visit).toMatchObject({ fanOut: 1, outstanding: 1, done: { input: 0, output: 0 } });
    settle(good, 1_200);
    expect(run.broken).toBe(false);
    expect(run.outstanding).toBe(0);
    expect(run.record()?.units[0]?.calls).toHaveLength(1);
  });

  it('knows the work it has had, of all backends and of one', () => {
    const run = newRun();
    const submit = submitter(run);
    settle(submit('a', 1_000), 1_100, 100, 10);
    const tool = submit('b', 1_100, { backend: 'tool', kind: 'service' });
    run.settle(tool, { service_ms: 70 }, { input: 0, output: 70 }, 1_200);
    settle(submit('a', 1_200), 1_300, 20, 1);
    expect(run.attainedMs(SPEEDS)).toBe(150 + 70 + 20);
    expect(run.attainedFromMs('llm', SPEEDS)).toBe(170);
    expect(run.attainedFromMs('tool', SPEEDS)).toBe(70);
    expect(run.attainedFromMs('other', SPEEDS)).toBe(0);
  });

  it('says where it stands: work before the visit, and not in it', () => {
    const run = newRun();
    const submit = submitter(run);
    settle(submit('a', 1_000), 1_100, 100, 10);
    const first = submit('b', 1_100, { inputTokens: 30 });
    const second = submit('b', 1_100, { inputTokens: 80 });
    settle(first, 1_200, 1_000, 1_000);
    expect(run.stateIn(second.visit, SPEEDS)).toEqual({
      unit: 'b',
      visit: 1,
      fanOut: 2,
      fanOutBefore: 1,
      inputTokens: 80,
      beforeMs: 150,
    });
  });

  it('is recorded as a line of the format, with the gaps between its visits', () => {
    const run = newRun();
    const submit = submitter(run);
    settle(submit('plan', 1_000, { deadlineAt: 31_000 }), 1_500, 200, 20);
    const one = submit('map', 1_800);
    const two = submit('map', 1_800);
    settle(one, 2_000, 300, 30);
    settle(two, 2_500, 400, 40);
    settle(submit('join', 2_500), 3_000, 500, 50);
    expect(run.record()).toEqual({
      run: 'r1',
      app: 'app',
      arrival_ms: 1_000,
      deadline_ms: 30_000,
      units: [
        {
          unit: 'plan',
          backend: 'llm',
          gap_ms: 300,
          calls: [{ input_tokens: 200, output_tokens: 20 }],
        },
        {
          unit: 'map',
          backend: 'llm',
          calls: [
            { input_tokens: 300, output_tokens: 30 },
            { input_tokens: 400, output_tokens: 40 },
          ],
        },
        { unit: 'join', backend: 'llm', calls: [{ input_tokens: 500, output_tokens: 50 }] },
      ],
    });
  });

  it('writes visits that overlapped one after the other, without a gap', () => {
    const run = newRun();
    const submit = submitter(run);
    const plan = submit('plan', 1_000);
    const search = submit('search', 1_200);
    settle(plan, 1_900);
    settle(search, 1_950);
    expect(run.record()?.units.map((u) => [u.unit, u.gap_ms])).toEqual([
      ['plan', undefined],
      ['search', undefined],
    ]);
  });

  it('leaves out visits without a successful call, and runs that have no other visits', () => {
    const run = newRun();
    const submit = submitter(run);
    run.settle(submit('a', 1_000), undefined, { input: 0, output: 0 }, 1_100);
    expect(run.record()).toBeUndefined();
    settle(submit('b', 1_200), 1_300);
    expect(run.record()?.units.map((u) => u.unit)).toEqual(['b']);
  });

  it('records a deadline that had passed on arrival as the smallest one allowed', () => {
    const run = newRun();
    settle(submitter(run)('a', 1_000, { deadlineAt: 400 }), 1_100);
    expect(run.record()?.deadline_ms).toBe(1);
  });

  it('is complete after a restart, through JSON', () => {
    const run = newRun();
    const submit = submitter(run);
    settle(submit('a', 1_000, { deadlineAt: 9_000 }), 1_100);
    settle(submit('b', 1_200), 1_400);
    run.settle(submit('b', 1_500), undefined, { input: 0, output: 0 }, 1_600);
    const snapshot = JSON.stringify(run.snapshot());
    const again = LiveRun.restore(JSON.parse(snapshot));
    expect(JSON.stringify(again.snapshot())).toBe(snapshot);
    expect(again.record()).toEqual(run.record());
    expect(again.attainedMs(SPEEDS)).toBe(run.attainedMs(SPEEDS));
    expect(again).toMatchObject({ deadlineAt: 9_000, lastActiveAt: 1_600, broken: true });
  });

  it('lets calls that are submitted again after a restart rejoin their visit', () => {
    const run = newRun();
    const submit = submitter(run);
    settle(submit('plan', 1_000), 1_100);
    const [one] = [submit('map', 1_200), submit('map', 1_200), submit('map', 1_200)];
    settle(one, 1_300);
    const again = LiveRun.restore(JSON.parse(JSON.stringify(run.snapshot())));
    const visit = again.visits[1];
    expect(again.outstanding).toBe(0);
    expect(visit).toMatchObject({ fanOut: 1, missing: 2, outstanding: 0 });
    // A second restart before any call came back loses nothing.
    expect(again.snapshot()).toEqual(run.snapshot());

    const resubmit = submitter(again);
    const two = resubmit('map', 2_000);
    const three = resubmit('map', 2_000);
    expect(two.visit).toBe(visit);
    expect(three.visit).toBe(visit);
    expect(visit).toMatchObject({ fanOut: 3, missing: 0, outstanding: 2, number: 1 });
    settle(two, 2_100);
    settle(three, 2_200);
    expect(resubmit('map', 2_300).visit).toMatchObject({ number: 2, callsBefore: 4 });
  });

  it('does not share its records with the run that it was restored from', () => {
    const run = newRun();
    settle(submitter(run)('a', 1_000), 1_100);
    const again = LiveRun.restore(run.snapshot());
    settle(submitter(again)('a', 1_200), 1_300);
    again.visits[0]?.records.push({ service_ms: 1 });
    expect(run.visits[0]?.records).toHaveLength(1);
  });

  it('is in a unit of its own until the client ends it', () => {
    const run = newRun();
    run.beginOwnUnit('think', 1_000);
    expect(run.isInOwnUnit).toBe(true);
    expect(run.outstanding).toBe(0);
    expect(run.endOwnUnit('other', 1_100)).toBe(false);
    expect(run.endOwnUnit('think', 1_250)).toBe(true);
    expect(run.isInOwnUnit).toBe(false);
    expect(run.endOwnUnit('think', 1_300)).toBe(false);
    expect(run.attainedFromMs(CLIENT_BACKEND, SPEEDS)).toBe(250);
    expect(run.lastActiveAt).toBe(1_250);
    expect(run.record()?.units).toEqual([
      { unit: 'think', backend: CLIENT_BACKEND, calls: [{ service_ms: 250 }] },
    ]);
  });

  it('counts own units among the visits and the calls before', () => {
    const run = newRun();
    run.beginOwnUnit('think', 1_000);
    run.endOwnUnit('think', 1_100);
    run.beginOwnUnit('think', 1_200);
    run.endOwnUnit('think', 1_500);
    expect(run.visits.map((v) => v.number)).toEqual([1, 2]);
    expect(run.visits.map((v) => v.done.output)).toEqual([100, 300]);
    expect(submitter(run)('a', 1_600).visit.callsBefore).toBe(2);
  });

  it('ends a unit of its own after a restart', () => {
    const run = newRun();
    run.beginOwnUnit('think', 1_000);
    const again = LiveRun.restore(JSON.parse(JSON.stringify(run.snapshot())));
    expect(again.isInOwnUnit).toBe(true);
    expect(again.endOwnUnit('think', 1_700)).toBe(true);
    expect(again.record()?.units[0]?.calls).toEqual([{ service_ms: 700 }]);
  });
});

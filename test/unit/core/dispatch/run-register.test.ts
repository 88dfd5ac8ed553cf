/**
 * Which run a call belongs to, and when a run has ended: silence, repeated calls, nested sessions.
 */

import { describe, expect, it } from 'vitest';
import { queueRankOf } from '../../../../src/core/dispatch/queue-rank.ts';
import { RunRegister } from '../../../../src/core/dispatch/run-register.ts';
import { ApplicationModels } from '../../../../src/core/learning/application-models.ts';
import { LearnedSilence } from '../../../../src/core/learning/learned-silence.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { POLICIES } from '../../../../src/core/order/policies/registry.ts';
import type { CallRequest } from '../../../../src/core/runs/call-request.ts';
import { SERVICE_SPEED } from '../../../../src/core/runs/demand.ts';
import { type LiveCall, LiveRun } from '../../../../src/core/runs/live-run.ts';
import { callRequest } from '../../../dispatch-builders.ts';

function newRegister() {
  const models = new ApplicationModels(seededRandom(1));
  const register = new RunRegister(models, () => SERVICE_SPEED);
  register.silence = { assumedMs: 30_000, leastMs: 5_000 };
  let calls = 0;
  const submit = (at: number, fields: Partial<CallRequest> = {}): LiveCall => {
    calls += 1;
    const request = callRequest(`c${calls}`, { runId: 'r', arrivedAt: at, ...fields });
    return register.submit(request, at);
  };
  const end = (call: LiveCall, at: number, ok = true) => {
    const record = ok ? { input_tokens: 10, output_tokens: 5 } : undefined;
    call.run.settle(call, record, { input: ok ? 10 : 0, output: ok ? 5 : 0 }, at);
    return register.settled(call, at);
  };
  return { models, register, submit, end };
}

describe('a run without end', () => {
  it('is cut, whether of calls or of the client’s own units', () => {
    const { register } = newRegister();
    for (let i = 0; i < 25_000; i += 1) {
      register.beginOwnUnit('r', 'app', 'own', i);
      register.endOwnUnit('r', 'own', i);
    }
    expect(register.runs.get('r')?.visits).toHaveLength(5_000);
    // The earlier parts of the long run end as runs of their own.
    const ended = register
      .endSilentRuns(1e9)
      .map((e) => ('record' in e ? e.record?.units.length : 0));
    expect(ended).toEqual([10_000, 10_000, 5_000]);
  });
});

describe('a call that is sent again', () => {
  it('replaces the one that failed, and is no new visit', () => {
    const { submit, end } = newRegister();
    end(submit(0, { print: 'p' }), 10, false);
    const again = submit(20, { print: 'p' });
    expect(again.visit).toMatchObject({ number: 1, fanOut: 1 });
    end(again, 30);
    expect(again.run.visits).toHaveLength(1);
    expect(again.run.record()?.units).toHaveLength(1);
  });

  it('replaces one that had ended well where the client says that it is a retry', () => {
    const { submit, end } = newRegister();
    end(submit(0, { print: 'p' }), 10);
    const again = submit(20, { print: 'p', retry: true });
    expect(again.visit).toMatchObject({ fanOut: 1, done: { input: 0, output: 0 }, records: [] });
    end(again, 30);
    expect(again.run.record()?.units).toMatchObject([{ calls: [{ output_tokens: 5 }] }]);
  });

  it('is the next visit after a successful call, unless it is marked as a retry', () => {
    const { submit, end } = newRegister();
    end(submit(0, { print: 'p' }), 10);
    expect(submit(20, { print: 'p' }).visit.number).toBe(2);
    expect(submit(30, { print: 'q', retry: true, unit: 'other' }).visit.number).toBe(1);
  });

  it('finds its visit after a restart too', () => {
    const { register, submit, end } = newRegister();
    const first = submit(0, { print: 'p' });
    end(first, 10, false);
    const snapshot = JSON.parse(JSON.stringify(first.run.snapshot()));
    register.restore(LiveRun.restore(snapshot));
    expect(submit(20, { print: 'p' }).visit.number).toBe(1);
  });

  it('finds its run also if it is the final call', () => {
    const { register, submit, end } = newRegister();
    end(submit(0), 10);
    expect(end(submit(20, { print: 'p', final: true }), 30, false)).toBeUndefined();
    const finished = end(submit(40, { print: 'p', final: true, retry: true }), 50);
    expect(finished).toMatchObject({ type: 'run-finished', learned: true });
    expect(finished?.type === 'run-finished' && finished.record?.units).toHaveLength(2);
    expect(register.runs.size).toBe(0);
  });

  it('is not waited for where the call was a run of its own', () => {
    const { submit, end } = newRegister();
    const sole = submit(0, { final: true, sole: true });
    expect(end(sole, 10, false)).toMatchObject({ type: 'run-finished', learned: false });
  });
});

describe('a session that another began', () => {
  it('is a part of its run, and so are those that it begins', () => {
    const { register, submit, end } = newRegister();
    const root = submit(0, { runId: 'root' });
    const child = submit(1, { runId: 'child', parentRunId: 'root' });
    const grandchild = submit(2, { runId: 'grandchild', parentRunId: 'child' });
    const unnamed = submit(3, { runId: 'grandchild' });
    for (const call of [child, grandchild, unnamed]) expect(call.run).toBe(root.run);
    for (const call of [root, child, grandchild, unnamed]) end(call, 10);
    expect([...register.runs.keys()]).toEqual(['root']);
  });
});

describe('a conversation', () => {
  it('that is not longer than before is a new one', () => {
    const { register, submit, end } = newRegister();
    const first = submit(0, { turn: 2 });
    end(first, 10);
    const second = submit(20, { turn: 4 });
    expect(second.run).toBe(first.run);
    end(second, 30);
    const other = submit(40, { turn: 2 });
    expect(other.run).not.toBe(first.run);
    // Nobody knows whether the first one goes on: it ends by its silence.
    expect(register.endSilentRuns(30_029)).toEqual([]);
    expect(register.endSilentRuns(30_030)).toMatchObject([
      { type: 'run-finished', runId: 'r', learned: true },
    ]);
  });

  it('goes on where its call is sent again', () => {
    const { submit, end } = newRegister();
    const first = submit(0, { turn: 2, print: 'p' });
    end(first, 10, false);
    expect(submit(20, { turn: 2, print: 'p' }).run).toBe(first.run);
  });
});

describe('a run without end', () => {
  it('is cut, also where it is never idle', () => {
    const { register, submit, end } = newRegister();
    const runs = new Set();
    let last = submit(0);
    for (let i = 1; i <= 25_000; i += 1) {
      const next = submit(i);
      end(last, i);
      runs.add(last.run);
      last = next;
    }
    expect(runs.size).toBe(3);
    expect(register.runs.size).toBe(1);
    expect(end(last, 30_000)).toBeUndefined();
  });
});

describe('silence', () => {
  const bounds = { assumedMs: 30_000, leastMs: 5_000 };

  it('is assumed while few pauses are known, but never shorter than three times the longest', () => {
    const silence = new LearnedSilence();
    expect(silence.silenceMs(bounds)).toBe(30_000);
    silence.observe(2_000);
    expect(silence.silenceMs(bounds)).toBe(30_000);
    silence.observe(40_000);
    expect(silence.silenceMs(bounds)).toBe(120_000);
  });

  it('is learned from the pauses: shorter where they are short, whatever one of them was', () => {
    const silence = new LearnedSilence();
    for (let i = 0; i < 100; i += 1) silence.observe(3_000);
    silence.observe(600_000);
    expect(silence.silenceMs(bounds)).toBe(9_000);
    for (let i = 0; i < 300; i += 1) silence.observe(10);
    expect(silence.silenceMs(bounds)).toBe(5_000);
    for (let i = 0; i < 300; i += 1) silence.observe(10_000_000);
    expect(silence.silenceMs(bounds)).toBe(900_000);
  });

  it('grows if runs continue after they were considered finished', () => {
    const { models, register, submit, end } = newRegister();
    // One known run makes the application known; its gaps had no length.
    end(submit(0, { runId: 'known', final: true }), 1);
    expect(models.silenceMs('app', register.silence)).toBe(30_000);
    end(submit(0), 10);
    expect(register.endSilentRuns(30_010)).toMatchObject([{ type: 'run-finished' }]);
    submit(50_010);
    expect(models.silenceMs('app', register.silence)).toBe(150_000);
  });
});

describe('the bound on overtaking', () => {
  const run = { arrivedAt: 1_000 };

  it('is rank / alpha in policies whose order ages', () => {
    const standing = queueRankOf(500 + 300, 500 + 300, run, POLICIES.gittins, { alpha: 0.5 });
    expect(standing).toEqual({ rankMs: 300, boundMs: 600 });
    expect(queueRankOf(300, 300, run, POLICIES.gittins, { alpha: 0 })).toEqual({ rankMs: 300 });
  });

  it('is 0 in order of the runs, and absent in policies without a bound', () => {
    const boundOf = (policy: keyof typeof POLICIES) =>
      queueRankOf(7, 7, run, POLICIES[policy], { alpha: 0.5 }).boundMs;
    expect(boundOf('app-fcfs')).toBe(0);
    // In fcfs, a run's later calls come after runs that arrived after it.
    expect(boundOf('fcfs')).toBeUndefined();
    expect(boundOf('edf')).toBeUndefined();
    // A run whose deadline leaves no spare time goes first, however late it arrives.
    expect(boundOf('talaria-ddl')).toBeUndefined();
  });
});

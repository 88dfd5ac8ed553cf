/**
 * A sub-agent whose client says nothing of its parent: its conversation begins with the text of a
 * tool call, and belongs to the run that asked for that.
 */
import { describe, expect, it } from 'vitest';
import { RunRegister } from '../../../../src/core/dispatch/run-register.ts';
import { ApplicationModels } from '../../../../src/core/learning/application-models.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { CallRequest } from '../../../../src/core/runs/call-request.ts';
import type { ToolTask } from '../../../../src/core/runs/call-result.ts';
import { SERVICE_SPEED } from '../../../../src/core/runs/demand.ts';
import { type LiveCall, LiveRun } from '../../../../src/core/runs/live-run.ts';
import { callRequest, okResult } from '../../../dispatch-builders.ts';

class Sessions {
  readonly register = new RunRegister(new ApplicationModels(seededRandom(1)), () => SERVICE_SPEED);
  at = 0;
  #calls = 0;

  constructor() {
    this.register.silence = { assumedMs: 30_000, leastMs: 5_000 };
  }

  begin(fields: Partial<CallRequest>): LiveCall {
    this.#calls += 1;
    this.at += 10;
    const id = `c${this.#calls}`;
    const request = callRequest(id, { keyId: 'k', arrivedAt: this.at, print: id, ...fields });
    expect(this.register.find(request)).toBe(this.register.find(request));
    return this.register.submit(request, this.at);
  }

  end(
    call: LiveCall,
    tasks: readonly ToolTask[] = [],
    toolCalls = tasks.map(([, id]) => id),
  ): void {
    this.at += 10;
    this.register.answered(call, okResult(5, { toolCalls, tasks }));
    call.run.settle(
      call,
      { input_tokens: 10, output_tokens: 5 },
      { input: 10, output: 5 },
      this.at,
    );
    this.register.settled(call, this.at);
  }

  fail(call: LiveCall): void {
    this.at += 10;
    call.run.settle(call, undefined, { input: 0, output: 0 }, this.at);
    this.register.settled(call, this.at);
  }

  /** A main agent of this name asks for sub-agents with tasks. */
  main(runId: string, tasks: readonly ToolTask[], keyId = 'k') {
    const call = this.begin({ runId, unit: 'main', turn: 2, guessedApp: 'main', keyId });
    this.end(call, tasks);
    return call.run;
  }
}

const ID = (name: string) => `call_${name}x7Qm2Zk9`;
const TASK: ToolTask = ['t', ID('a')];
const SUB = { runId: 'run-sub', unit: 'sub', turn: 2, tasks: ['t'], app: 'app-sub' } as const;

describe('a conversation that begins with the text of a tool call', () => {
  it('belongs to the run that asked for it, and so does the rest of it', () => {
    const s = new Sessions();
    const run = s.main('run-a', [TASK]);
    const first = s.begin({ ...SUB, guessedApp: 'main' });
    expect(first.run).toBe(run);
    s.end(first, [], [ID('tool')]);
    expect(s.begin({ ...SUB, tasks: [], turn: 40, cameBack: [ID('tool')] }).run).toBe(run);
    const back = s.begin({ runId: 'run-a', unit: 'main', turn: 4, cameBack: [ID('a')] });
    expect(back.run).toBe(run);
    expect(run.app).not.toBe('app-sub');
  });

  it('belongs to it after its tool call was answered, as where agents work in the background', () => {
    const s = new Sessions();
    const run = s.main('run-a', [TASK]);
    const next = s.begin({ runId: 'run-a', unit: 'main', turn: 4, cameBack: [ID('a')] });
    expect(s.begin(SUB).run).toBe(run);
    s.end(next);
    expect(s.begin({ runId: 'run-a', unit: 'main', turn: 6 }).run).toBe(run);
  });

  it('goes on where its tool calls have no ids that tell it', () => {
    const s = new Sessions();
    const run = s.main('run-a', [TASK]);
    s.end(s.begin(SUB), [], ['call_0']);
    const next = s.begin({ ...SUB, tasks: [], turn: 4, cameBack: ['call_0'] });
    expect(next.run).toBe(run);
    s.end(next);
    expect(s.begin({ ...SUB, turn: 6 }).run).toBe(run);
  });

  it('goes on after a restart, and its length is not that of the run', () => {
    const s = new Sessions();
    const run = s.main('run-a', [TASK]);
    s.end(s.begin(SUB), [], [ID('tool')]);
    const snapshot = JSON.parse(JSON.stringify(run.snapshot()));
    const after = new Sessions();
    after.register.restore(LiveRun.restore(snapshot));
    const next = after.begin({ ...SUB, tasks: [], turn: 40, cameBack: [ID('tool')] });
    after.end(next);
    expect(next.run.id).toBe(run.id);
    expect(next.run.turn).toBe(2);
    expect(after.begin({ runId: 'run-a', unit: 'main', turn: 4 }).run).toBe(next.run);
  });

  it('takes one tool call: the next one like it takes another, or none', () => {
    const s = new Sessions();
    const [a, b] = [s.main('run-a', [TASK]), s.main('run-b', [['t', ID('b')]])];
    expect([s.begin(SUB).run, s.begin(SUB).run]).toEqual([a, b]);
    const third = s.begin(SUB).run;
    expect([a, b]).not.toContain(third);
  });

  it('takes the tool call that is awaited, where another was answered', () => {
    const s = new Sessions();
    s.main('run-a', [TASK]);
    s.begin({ runId: 'run-a', unit: 'main', turn: 4, cameBack: [ID('a')] });
    const b = s.main('run-b', [['t', ID('b')]]);
    expect(s.begin(SUB).run).toBe(b);
  });

  it('is one of several at once, whose tools do not end each other', () => {
    const s = new Sessions();
    const run = s.main('run-a', [TASK, ['t', ID('b')]]);
    const one = s.begin(SUB);
    s.end(one, [], [ID('one')]);
    const two = s.begin(SUB);
    expect(two.run).toBe(run);
    s.end(two, [], [ID('two')]);
    for (const id of [ID('one'), ID('two')]) {
      expect(run.awaited.has(id)).toBe(true);
      expect(s.begin({ ...SUB, tasks: [], turn: 4, cameBack: [id] }).run).toBe(run);
    }
  });

  it('may begin again after its first call failed', () => {
    const s = new Sessions();
    const run = s.main('run-a', [TASK]);
    s.fail(s.begin(SUB));
    expect(s.begin(SUB).run).toBe(run);
  });

  it('is a run of its own once the run that asked has ended', () => {
    const s = new Sessions();
    const run = s.main('run-a', [TASK]);
    s.register.finish(run.id, s.at);
    expect(s.begin(SUB).run.id).toBe('run-sub');
  });

  it('may be a single call without tools', () => {
    const s = new Sessions();
    const run = s.main('run-a', [TASK]);
    const call = s.begin({ runId: 'x', unit: 'sub', sole: true, final: true, tasks: ['t'] });
    expect(call.run).toBe(run);
    s.end(call);
    expect(s.register.runs.has('run-a')).toBe(true);
  });

  it('of another key belongs to no run of this one', () => {
    const s = new Sessions();
    s.main('run-a', [TASK]);
    expect(s.begin({ ...SUB, keyId: 'other' }).run.id).toBe('run-sub');
  });

  it('of the kind that asked, or that begins runs, is another session', () => {
    const s = new Sessions();
    const run = s.main('run-a', [TASK]);
    expect(s.begin({ ...SUB, unit: 'main' }).run).not.toBe(run);
    const asked = s.begin({ runId: 'run-a', unit: 'search', turn: 4, cameBack: [ID('a')] });
    s.end(asked, [['q', ID('q')]]);
    expect(s.begin({ runId: 'run-b', unit: 'main', turn: 2, tasks: ['q'] }).run).not.toBe(run);
  });
});

describe('conversations that begin alike one after the other', () => {
  it('are runs with names of their own', () => {
    const s = new Sessions();
    const ids = [1, 2, 3].map(() => {
      const call = s.begin({ runId: 'run-a', unit: 'main', turn: 2 });
      s.end(call);
      s.at += 100_000;
      expect(s.register.endSilentRuns(s.at)).toHaveLength(1);
      return call.run.id;
    });
    expect(ids).toEqual(['run-a', 'run-a~2', 'run-a~3']);
    const goesOn = s.begin({ runId: 'run-a', unit: 'main', turn: 4 });
    expect(goesOn.run.id).toBe('run-a~3');
  });
});

it('forgets tasks of a greedy key first', () => {
  const s = new Sessions();
  const run = s.main('run-a', [TASK]);
  for (let i = 0; i < 20_000; i += 1) {
    s.end(s.begin({ runId: 'run-g', unit: 'main', keyId: 'greedy' }), [[`g${i}`, 'id']], []);
  }
  expect(s.begin(SUB).run).toBe(run);
});

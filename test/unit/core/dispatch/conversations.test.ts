/**
 * Which run a call belongs to whose client names no session: conversations that begin alike, fork,
 * and bring back the ids that answers handed out.
 */
import { describe, expect, it } from 'vitest';
import { isUnique } from '../../../../src/core/dispatch/conversations.ts';
import { RunRegister } from '../../../../src/core/dispatch/run-register.ts';
import { ApplicationModels } from '../../../../src/core/learning/application-models.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { CallRequest } from '../../../../src/core/runs/call-request.ts';
import { SERVICE_SPEED } from '../../../../src/core/runs/demand.ts';
import { type LiveCall, LiveRun } from '../../../../src/core/runs/live-run.ts';
import { callRequest, okResult } from '../../../dispatch-builders.ts';

class Talks {
  readonly models = new ApplicationModels(seededRandom(1));
  register = new RunRegister(this.models, () => SERVICE_SPEED);
  at = 0;
  #calls = 0;

  constructor() {
    this.register.silence = { assumedMs: 30_000, leastMs: 5_000 };
  }

  begin(turn: number, fields: Partial<CallRequest> = {}): LiveCall {
    this.#calls += 1;
    this.at += 10;
    const request = callRequest(`c${this.#calls}`, {
      runId: 'run-a',
      keyId: 'k',
      turn,
      arrivedAt: this.at,
      print: `p${this.#calls}`,
      ...fields,
    });
    expect(this.register.find(request)).toBe(this.register.find(request));
    return this.register.submit(request, this.at);
  }

  /** The call is answered, and asks for these tools. */
  end(call: LiveCall, ...toolCalls: string[]): void {
    this.at += 10;
    const result = okResult(5, toolCalls.length > 0 ? { toolCalls } : {});
    this.register.answered(call, result);
    const record = { input_tokens: 10, output_tokens: 5 };
    call.run.settle(call, record, { input: 10, output: 5 }, this.at);
    this.register.settled(call, this.at);
  }

  fail(call: LiveCall): void {
    this.at += 10;
    call.run.settle(call, undefined, { input: 0, output: 0 }, this.at);
    this.register.settled(call, this.at);
  }

  /** A call and its answer at once. */
  turn(turn: number, cameBack: string[] = [], toolCalls: string[] = []): LiveRun {
    const call = this.begin(turn, cameBack.length > 0 ? { cameBack } : {});
    this.end(call, ...toolCalls);
    return call.run;
  }
}

const ID = (name: string) => `call_${name}x7Qm2Zk9`;

describe('conversations that begin alike', () => {
  it('at the same time are one run each', () => {
    const talks = new Talks();
    const [a, b] = [talks.begin(2), talks.begin(2)];
    expect(a.run).not.toBe(b.run);
    talks.end(a, ID('a'));
    talks.end(b, ID('b'));
    expect(talks.turn(4, [ID('b')])).toBe(b.run);
    expect(talks.turn(4, [ID('a')])).toBe(a.run);
    expect(talks.register.runs.size).toBe(2);
  });

  it('are one run each where the ids of their tool calls are numbers', () => {
    const talks = new Talks();
    const [a, b] = [talks.begin(2), talks.begin(2)];
    talks.end(a, 'call_0');
    talks.end(b, 'call_0');
    const next = [
      talks.begin(4, { cameBack: ['call_0'] }),
      talks.begin(4, { cameBack: ['call_0'] }),
    ];
    expect(new Set(next.map((c) => c.run))).toEqual(new Set([a.run, b.run]));
  });

  it('are one run each where no ids are known', () => {
    const talks = new Talks();
    const [a, b] = [talks.turn(2), talks.turn(2)];
    expect(a).not.toBe(b);
    expect([talks.turn(4), talks.turn(4)]).toEqual([a, b]);
    expect(talks.turn(6)).toBe(a);
  });

  it('are one run each where one has waited for its tool since before the other began', () => {
    const talks = new Talks();
    const a = talks.turn(2, [], [ID('a')]);
    const b = talks.turn(2, [], [ID('b')]);
    expect(b).not.toBe(a);
    expect(talks.turn(4, [ID('b')])).toBe(b);
    expect(talks.turn(4, [ID('a')])).toBe(a);
  });

  it('have names that a run of the register has once', () => {
    const talks = new Talks();
    const runs = [talks.begin(2), talks.begin(2), talks.begin(2)].map((c) => c.run.id);
    expect(runs).toEqual(['run-a', 'run-a~2', 'run-a~3']);
  });
});

describe('a conversation that forks', () => {
  it('is two runs', () => {
    const talks = new Talks();
    const main = talks.turn(2, [], [ID('x')]);
    expect(talks.turn(4, [ID('x')], [ID('y')])).toBe(main);
    // Another answer to the first question: the result of x again, without y.
    const fork = talks.turn(4, [ID('x')], [ID('z')]);
    expect(fork).not.toBe(main);
    expect(talks.turn(6, [ID('z'), ID('x')])).toBe(fork);
    expect(talks.turn(6, [ID('y'), ID('x')])).toBe(main);
  });

  it('is two runs also while the first branch is under way', () => {
    const talks = new Talks();
    const main = talks.turn(2, [], [ID('x')]);
    const branches = [
      talks.begin(4, { cameBack: [ID('x')] }),
      talks.begin(4, { cameBack: [ID('x')] }),
    ];
    expect(branches[0]?.run).toBe(main);
    expect(branches[1]?.run).not.toBe(main);
  });

  it('stays one run for a call beside its loop, with another prompt', () => {
    const talks = new Talks();
    const main = talks.turn(2, [], [ID('x')]);
    talks.begin(4, { cameBack: [ID('x')] });
    const summary = talks.begin(5, { cameBack: [ID('x')], unit: 'summary', runId: 'run-other' });
    expect(summary.run).toBe(main);
  });
});

describe('a call that brings back an id', () => {
  it('goes on with its run after the client shortened the conversation', () => {
    const talks = new Talks();
    const main = talks.turn(8, [], [ID('x')]);
    expect(talks.turn(3, [ID('x')], [ID('y')])).toBe(main);
    // A summary takes the place of all that was said before.
    const summarised = talks.begin(3, { runId: 'run-of-a-summary', cameBack: [ID('y')] });
    expect(summarised.run).toBe(main);
  });

  it('that was never ours joins no run', () => {
    const talks = new Talks();
    const main = talks.turn(2, [], [ID('x')]);
    expect(talks.turn(9, [ID('stranger')])).not.toBe(main);
  });

  it('of another key joins no run', () => {
    const talks = new Talks();
    const main = talks.turn(2, [], [ID('x')]);
    const call = talks.begin(4, { keyId: 'other', cameBack: [ID('x')], runId: 'run-b' });
    expect(call.run).not.toBe(main);
  });

  it('that is only a number joins no conversation that began otherwise', () => {
    const talks = new Talks();
    const main = talks.turn(2, [], ['call_1']);
    const call = talks.begin(4, { cameBack: ['call_1'], runId: 'run-b' });
    expect(call.run).not.toBe(main);
  });

  it('is the run’s again after the call failed', () => {
    const talks = new Talks();
    const main = talks.turn(2, [], [ID('x')]);
    talks.fail(talks.begin(4, { cameBack: [ID('x')] }));
    expect(talks.turn(4, [ID('x')])).toBe(main);
  });

  it('finds its run after a restart too', () => {
    const talks = new Talks();
    const [a, b] = [talks.turn(2, [], [ID('a')]), talks.turn(2, [], [ID('b')])];
    const snapshots = JSON.parse(JSON.stringify([a.snapshot(), b.snapshot()]));
    talks.register = new RunRegister(talks.models, () => SERVICE_SPEED);
    for (const snapshot of snapshots) talks.register.restore(LiveRun.restore(snapshot));
    expect(talks.turn(4, [ID('b')]).id).toBe(b.id);
    expect(talks.turn(4, [ID('a')]).id).toBe(a.id);
    expect(talks.turn(2).id).toBe('run-a~3');
  });

  it('goes on under the name of its run that ended by silence, and its pause is learned', () => {
    const talks = new Talks();
    const main = talks.turn(2, [], [ID('x')]);
    talks.at += 700_000;
    expect(talks.register.endSilentRuns(talks.at)).toHaveLength(1);
    const again = talks.turn(4, [ID('x')]);
    expect(again.id).toBe(main.id);
    expect(again).not.toBe(main);
  });
});

describe('a call that names a trace', () => {
  const trace = (runId: string, cameBack: string[] = []) =>
    ({ runId, turn: undefined, ...(cameBack.length > 0 ? { cameBack } : {}) }) as never;

  it('is of the run whose ids it brings back, and so is the rest of its trace', () => {
    const talks = new Talks();
    const first = talks.begin(1, trace('t1'));
    talks.end(first, ID('x'));
    for (const ids of [[ID('x')], [], [ID('x')]]) {
      const next = talks.begin(1, trace('t2', ids));
      talks.end(next);
      expect(next.run).toBe(first.run);
    }
  });

  it('is of the run of its trace where that is open', () => {
    const talks = new Talks();
    talks.end(talks.begin(1, trace('t1')), ID('x'));
    const other = talks.begin(1, trace('t2'));
    expect(talks.begin(1, trace('t2', [ID('x')])).run).toBe(other.run);
    expect(talks.begin(1, trace('t3', [ID('stranger')])).run.id).toBe('t3');
  });
});

describe('a run whose client executes a tool', () => {
  it('stays open for as long as agents let a command run', () => {
    const talks = new Talks();
    talks.turn(2, [], [ID('x')]);
    expect(talks.register.endSilentRuns(talks.at + 599_999)).toEqual([]);
    expect(talks.register.endSilentRuns(talks.at + 600_000)).toHaveLength(1);
  });

  it('ends after the usual silence once the result has come back', () => {
    const talks = new Talks();
    talks.turn(2, [], [ID('x')]);
    talks.turn(4, [ID('x')]);
    expect(talks.register.endSilentRuns(talks.at + 30_000)).toHaveLength(1);
  });

  it('stays open while a sub-agent ends beside it', () => {
    const talks = new Talks();
    const main = talks.begin(2, { runId: 'root', turn: undefined } as never);
    talks.end(main, ID('task'));
    const child = {
      runId: 'child',
      parentRunId: 'root',
      unit: 'explore',
      turn: undefined,
    } as never;
    talks.end(talks.begin(1, child));
    expect(talks.register.endSilentRuns(talks.at + 30_000)).toEqual([]);
  });

  it('is not waited for after its client has given up a call', () => {
    const talks = new Talks();
    talks.turn(2, [], [ID('x')]);
    talks.fail(talks.begin(4, { cameBack: [ID('x')] }));
    expect(talks.register.endSilentRuns(talks.at + 30_000)).toHaveLength(1);
  });
});

describe('an application without a name', () => {
  const named = (app: string, guessedApp: 'main' | 'side', fields: Partial<CallRequest> = {}) => ({
    app,
    guessedApp,
    runId: 'session',
    turn: undefined as never,
    labels: { app: `the ${app}` },
    unit: app,
    ...fields,
  });

  it('is named by the main loop, whichever call comes first', () => {
    for (const order of [
      ['title', 'loop'],
      ['loop', 'title'],
    ]) {
      const talks = new Talks();
      for (const app of order) {
        talks.end(talks.begin(1, named(app, app === 'loop' ? 'main' : 'side')));
      }
      const [run] = talks.register.runs.values();
      expect(run?.record()).toMatchObject({ app: 'loop', label: 'the loop' });
    }
  });

  it('keeps the name that its client gave, and that of the key that opened the run', () => {
    const talks = new Talks();
    talks.end(talks.begin(1, { ...named('given', 'side'), guessedApp: undefined as never }));
    talks.end(talks.begin(1, named('loop', 'main')));
    expect([...talks.register.runs.values()].map((r) => r.app)).toEqual(['given']);
    const other = new Talks();
    other.end(other.begin(1, named('title', 'side')));
    other.end(other.begin(1, named('loop', 'main', { keyId: 'other' })));
    expect([...other.register.runs.values()].map((r) => r.app)).toEqual(['title']);
  });
});

describe('sessions that name parents', () => {
  const session = (runId: string, parentRunId?: string, keyId = 'k') =>
    ({ runId, turn: undefined, keyId, ...(parentRunId ? { parentRunId } : {}) }) as never;

  it('in a circle are one run', () => {
    const talks = new Talks();
    const a = talks.begin(1, session('a', 'b'));
    const b = talks.begin(1, session('b', 'a'));
    const c = talks.begin(1, session('b', 'c'));
    expect(new Set([a.run, b.run, c.run]).size).toBe(1);
  });

  it('of which there are a thousand stay with the first', () => {
    const talks = new Talks();
    const runs = new Set<LiveRun>();
    for (let i = 0; i < 1_000; i += 1) runs.add(talks.begin(1, session('child', `p${i}`)).run);
    expect(runs.size).toBe(1);
  });

  it('are followed through a chain of a thousand', () => {
    const talks = new Talks();
    const runs = new Set([talks.begin(1, session('s0')).run]);
    for (let i = 1; i <= 1_000; i += 1) {
      runs.add(talks.begin(1, session(`s${i}`, `s${i - 1}`)).run);
    }
    expect(runs.size).toBe(1);
  });

  it('do not take along a run that is open by itself', () => {
    const talks = new Talks();
    const own = talks.begin(1, session('a'));
    expect(talks.begin(1, session('a', 'b')).run).toBe(own.run);
  });

  it('are not forgotten because of another key', () => {
    const talks = new Talks();
    const child = talks.begin(1, session('child', 'root'));
    for (let i = 0; i < 20_000; i += 1) talks.end(talks.begin(1, session(`x${i}`, 'y', 'greedy')));
    expect(talks.begin(1, session('child')).run).toBe(child.run);
  });
});

it('tells ids that are made by chance from those that repeat', () => {
  for (const id of ['toolu_01A09q90qw90lq917835lq9', 'call_8f3kd02m', 'D681PevKs']) {
    expect(isUnique(id), id).toBe(true);
  }
  for (const id of ['call_0', 'functions.get_weather:0', 'search_documents', '0', '', '12345678']) {
    expect(isUnique(id), id).toBe(false);
  }
});

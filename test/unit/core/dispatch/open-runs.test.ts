/**
 * The open runs of a key are limited: its own longest idle run is closed to make room, and never
 * another key's.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DispatchEvent, Effect } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { LiveRun } from '../../../../src/core/runs/live-run.ts';
import { callRequest, configOf, okResult } from '../../../dispatch-builders.ts';

const LIMIT = 5;

function newDispatcher(openRuns = LIMIT) {
  const config = configOf({ openRuns, slots: 100 });
  const dispatcher = new Dispatcher(config, { random: seededRandom(1) }, 0);
  let now = 0;
  const step = (event: DispatchEvent): Effect[] => {
    now += 1;
    return dispatcher.step([event], now);
  };
  const begin = (runId: string, keyId = 'a') =>
    step({ type: 'unit-began', runId, app: 'app', unit: 'u', keyId });
  const submit = (callId: string, runId: string, keyId = 'a') =>
    step({ type: 'submitted', call: callRequest(callId, { runId, keyId }) });
  const end = (callId: string) => step({ type: 'ended', callId, result: okResult(1) });
  const open = () => [...dispatcher.register.runs.keys()].sort();
  return { dispatcher, step, begin, submit, end, open };
}

describe('a key with as many open runs as it may have', () => {
  it('loses the one that is idle for the longest time, and nothing is learned from it', () => {
    const { begin, open, dispatcher } = newDispatcher();
    for (let i = 0; i < LIMIT; i += 1) begin(`r${i}`);
    begin('r0');
    const effects = begin('new');
    expect(effects.filter((e) => e.type === 'run-finished')).toMatchObject([
      { runId: 'r1', learned: false },
    ]);
    expect(open()).toEqual(['new', 'r0', 'r2', 'r3', 'r4']);
    expect(dispatcher.register.openRuns.counts()).toEqual([['a', LIMIT]]);
  });

  it('keeps those with calls, and is refused where all have some', () => {
    const { begin, submit, end, open } = newDispatcher();
    for (let i = 0; i < LIMIT; i += 1) submit(`c${i}`, `r${i}`);
    const refused = { type: 'refused', code: 'open_runs_exceeded' };
    expect(submit('c5', 'r5')).toMatchObject([refused]);
    // Further calls of existing runs are accepted.
    expect(submit('c6', 'r0')).toMatchObject([{ type: 'granted' }]);
    end('c1');
    expect(submit('c7', 'r7')).toMatchObject([
      { type: 'run-finished', runId: 'r1' },
      { type: 'granted' },
    ]);
    expect(open()).toEqual(['r0', 'r2', 'r3', 'r4', 'r7']);
    expect(begin('r0')).toEqual([]);
  });

  it('has more by the calls that run on slots which were lent, until these have ended', () => {
    const { step, begin, end, open, dispatcher } = newDispatcher();
    for (let i = 0; i < LIMIT; i += 1) begin(`r${i}`);
    const wish = { loanId: 'l', backend: 'llm', endpoint: 'e1', slots: 20 };
    step({ type: 'loan-asked', ...wish });
    const onLoan = { loanId: 'l', endpoint: 'e1', at: 10 };
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < 20; i += 1) {
        const fields = { runId: `r${round}-${i}`, keyId: 'a' };
        step({ type: 'submitted', call: callRequest(`c${round}-${i}`, fields), onLoan });
      }
      expect(open()).toHaveLength(20);
      expect([...dispatcher.callsOnLoan('l')]).toHaveLength(20);
      for (let i = 0; i < 20; i += 1) end(`c${round}-${i}`);
    }
    expect(open()).toHaveLength(20);
    begin('new');
    expect(open()).toHaveLength(LIMIT);
  });

  it('takes no room from another key', () => {
    const { begin, open } = newDispatcher();
    begin('b0', 'b');
    for (let i = 0; i < 1_000; i += 1) begin(`r${i}`);
    expect(open()).toHaveLength(LIMIT + 1);
    expect(open()).toContain('b0');
  });

  it('has room again when a run ends, in whichever way', () => {
    const { begin, step, dispatcher } = newDispatcher();
    const count = () => dispatcher.register.openRuns.counts();
    begin('r0');
    step({ type: 'run-finished', runId: 'r0' });
    expect(count()).toEqual([]);
    begin('r1');
    dispatcher.step([{ type: 'tick' }], 10_000_000);
    expect(count()).toEqual([]);
  });

  it('counts restored runs, and ends those for which a lower limit leaves no room', () => {
    const { begin, dispatcher } = newDispatcher();
    for (let i = 0; i < LIMIT; i += 1) begin(`r${i}`);
    const snapshots = [...dispatcher.register.runs.values()].map((run) =>
      JSON.parse(JSON.stringify(run.snapshot())),
    );
    const other = newDispatcher(3);
    other.dispatcher.restore(snapshots.map(LiveRun.restore), []);
    expect(other.dispatcher.register.openRuns.counts()).toEqual([['a', LIMIT]]);
    other.begin('new');
    expect(other.open()).toEqual(['new', 'r3', 'r4']);
  });
});

it('no order of events of one key opens more than its bound, or ends a run of the other', () => {
  const event = fc.record({
    key: fc.constantFrom('a', 'b'),
    run: fc.nat(12),
    what: fc.constantFrom('begin', 'unit-end', 'finish', 'call', 'end'),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), (events) => {
      const { dispatcher, step, begin, submit, end } = newDispatcher();
      const { register } = dispatcher;
      const calls: string[] = [];
      const act = {
        // The object checks for room before it begins a unit.
        begin: (runId: string, key: string) =>
          register.hasRoom(register.named(runId), key) && begin(runId, key),
        'unit-end': (runId: string) => step({ type: 'unit-ended', runId, unit: 'u' }),
        finish: (runId: string) => step({ type: 'run-finished', runId }),
        call: (runId: string, key: string) => {
          calls.push(`c${calls.length}-${runId}`);
          submit(calls.at(-1) ?? '', runId, key);
        },
        end: () => end(calls.shift() ?? ''),
      };
      for (const { key, run, what } of events) {
        const others = [...register.runs.keys()].filter((id) => id[0] !== key);
        act[what](`${key}${run}`, key);
        const counts = new Map(register.openRuns.counts());
        for (const id of ['a', 'b']) {
          const own = [...register.runs.values()].filter((r) => r.keyId === id).length;
          expect(own).toBeLessThanOrEqual(LIMIT);
          expect(counts.get(id) ?? 0).toBe(own);
        }
        if (what === 'end') continue;
        for (const id of others) expect(register.runs.has(id)).toBe(true);
      }
    }),
  );
});

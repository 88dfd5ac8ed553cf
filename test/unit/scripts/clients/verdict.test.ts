/** The verdict on a client: sessions that came out as one run each, and those that did not. */
import { describe, expect, it } from 'vitest';
import { type FinishedRun, verdictOf } from '../../../../scripts/clients/verdict.ts';

const WHOLE = ['s1', 's2'];
const call = (session: string, run: string) => ({ session, run });
const run = (id: string, app: string, ...units: string[]): FinishedRun => ({
  run: id,
  app,
  units: units.map((unit) => ({ unit })),
});

describe('the verdict', () => {
  it('is right for sessions that are one run each, with the same units', () => {
    const calls = [call('s1', 'a'), call('s1', 'a'), call('s2', 'b'), call('i1', 'c')];
    const runs = [run('a', 'x', 'u', 'v'), run('b', 'x', 'v', 'u'), run('c', 'x', 'u')];
    expect(verdictOf(calls, runs, WHOLE)).toEqual({
      runs: 3,
      applications: 1,
      units: 2,
      faults: [],
    });
  });

  it.each([
    ['two sessions in one run', [call('s1', 'a'), call('s2', 'a')], 's1 and s2 are one run'],
    ['a session in two runs', [call('s1', 'a'), call('s1', 'b')], 's1 is 2 runs'],
  ])('names %s', (_, calls, fault) => {
    expect(verdictOf(calls, [run('a', 'x'), run('b', 'x')], WHOLE).faults).toEqual([fault]);
  });

  it('names several applications, and units that differ between whole sessions', () => {
    const calls = [call('s1', 'a'), call('s2', 'b')];
    expect(verdictOf(calls, [run('a', 'x', 'u'), run('b', 'y', 'v')], WHOLE).faults).toEqual([
      '2 applications',
      'sessions have different units',
    ]);
  });
});

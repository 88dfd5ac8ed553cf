/**
 * Recorded coding agents and frameworks: each of their sessions comes out as the runs, units and
 * application that a reader of the recording would name, and so in every interleaving of sessions.
 * Recordings have two sessions one after the other (s1, s2), two at the same time with the same
 * prompt (p1, p2), and one that was interrupted (i1).
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callsOf, type Recording, replay, type Step, stepsOf } from '../replayed-client.ts';

const FOLDER = new URL('../fixtures/sequences/clients/', import.meta.url);
const recordingOf = (client: string): Recording =>
  JSON.parse(readFileSync(new URL(`${client}.json`, FOLDER), 'utf8'));

/** Name of the application, and the visits of each unit in each run of a complete session. */
const CLIENTS = {
  'claude-code': { label: 'Claude Code', runs: [[6, 3]] },
  cline: { label: 'Cline', runs: [[3]] },
  codex: { label: 'Codex', runs: [[3, 2]] },
  continue: { label: 'agent in the Continue CLI', runs: [[3]] },
  mastra: { label: 'Answer questions on a project', runs: [[3]] },
  opencode: { label: 'OpenCode', runs: [[1, 3, 3]] },
  pi: { label: 'pi', runs: [[3]] },
  'qwen-code': { label: 'Qwen Code', runs: [[3]] },
} as const;

describe.each(Object.entries(CLIENTS))('%s', (client, expected) => {
  it('is one application, and each of its sessions one run', async () => {
    const calls = await callsOf(recordingOf(client));
    const { runs, models } = replay(stepsOf(calls));
    expect(runs.map((r) => r.sessions.join('+')).sort()).toEqual(['i1', 'p1', 'p2', 's1', 's2']);
    expect(new Set(runs.map((r) => r.run.app)).size).toBe(1);
    expect(new Set(runs.map((r) => r.run.label))).toEqual(new Set([expected.label]));
    for (const session of ['s1', 's2', 'p1', 'p2']) {
      expect(runs.filter((r) => r.sessions.includes(session)).map((r) => visitsOf(r.run))).toEqual(
        expected.runs,
      );
    }
    expect([...models.all()].map((m) => m.view())).toMatchObject([{ label: expected.label }]);
  });
});

const ALL = [
  ...Object.keys(CLIENTS),
  'agent-kit',
  'ai-sdk',
  'genkit',
  'langgraph',
  'openai-agents',
];

describe.each(ALL)('any interleaving of sessions of %s', (client) => {
  it('has the runs and units of each session alone', async () => {
    const calls = await callsOf(recordingOf(client));
    const sessions = new Map<string, Step[]>();
    for (const step of stepsOf(calls)) {
      const { session } = step.call;
      sessions.set(session, [...(sessions.get(session) ?? []), step]);
    }
    const alone = new Map(
      [...sessions].map(([session, steps]) => [session, pathsOf(replay(steps).runs)]),
    );
    const order = fc.shuffledSubarray(
      [...sessions].flatMap(([session, steps]) => steps.map(() => session)),
      { minLength: calls.length * 2 },
    );
    fc.assert(
      fc.property(order, fc.integer({ min: 1, max: 500 }), (turns, pauseMs) => {
        const left = new Map([...sessions].map(([session, steps]) => [session, [...steps]]));
        const steps = turns.flatMap((session, i) => {
          const step = left.get(session)?.shift();
          return step ? [{ ...step, at: i * pauseMs }] : [];
        });
        const { runs } = replay(steps);
        for (const { sessions: of } of runs) expect(of).toHaveLength(1);
        for (const [session, paths] of alone) {
          expect(pathsOf(runs.filter((r) => r.sessions.includes(session)))).toEqual(paths);
        }
      }),
      { numRuns: 60 },
    );
  });
});

type Runs = ReturnType<typeof replay>['runs'];

/** The units of each run in the order of their visits. */
function pathsOf(runs: Runs): string[] {
  return runs.map(({ run }) => run.visits.map((v) => v.unit).join(' ')).sort();
}

/** Visits of each unit, in the order in which the run came to them. */
function visitsOf(run: Runs[number]['run']): number[] {
  const visits = new Map<string, number>();
  for (const { unit } of run.visits) visits.set(unit, (visits.get(unit) ?? 0) + 1);
  return [...visits.values()];
}

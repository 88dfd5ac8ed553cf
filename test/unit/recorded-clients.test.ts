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
  'cline-sub-agents': { label: 'Cline', runs: [[3, 3]] },
  codex: { label: 'Codex', runs: [[3, 2]] },
  continue: { label: 'agent in the Continue CLI', runs: [[3]] },
  mastra: { label: 'Answer questions on a project', runs: [[3]] },
  'openai-agents': { label: 'Answer questions on a project', runs: [[3, 6]] },
  opencode: { label: 'OpenCode', runs: [[1, 3, 3]] },
  pi: { label: 'pi', runs: [[3]] },
  'qwen-code': { label: 'Qwen Code', runs: [[3]] },
  'qwen-code-sub-agents': { label: 'Qwen Code', runs: [[6, 3]] },
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

/**
 * Two steps without a sign that they belong together: a plan, and a loop that has it as its input.
 * What the first session teaches holds from the second on.
 */
const CHAINS = ['agent-kit', 'ai-sdk', 'genkit', 'langgraph'];

describe.each(CHAINS)('a chain of %s', (client) => {
  it('is one run a session once its first session was seen', async () => {
    const { runs } = replay(stepsOf(await callsOf(recordingOf(client))));
    expect(runs.map((r) => r.sessions.join('+')).sort()).toEqual([
      ...['i1', 'p1', 'p2', 's1', 's1', 's2'],
    ]);
    const later = runs.filter((r) => !['s1', 'i1'].includes(r.sessions.join()));
    for (const { run } of later) expect(visitsOf(run)).toEqual([1, 3]);
    expect(new Set(later.map((r) => r.run.label))).toEqual(new Set(['Answer by the plan']));
  });
});

const ALL = [...Object.keys(CLIENTS), 'agent-kit', 'ai-sdk', 'genkit', 'langgraph'];

describe.each(ALL)('any interleaving of sessions of %s', (client) => {
  it('has the runs and units of each session alone', async () => {
    const calls = await callsOf(withOwnWords(recordingOf(client)));
    const sessions = new Map<string, Step[]>();
    for (const step of stepsOf(calls)) {
      const { session } = step.call;
      sessions.set(session, [...(sessions.get(session) ?? []), step]);
    }
    // A session that came before, from which the application is known.
    const known = sessions.get('s1') ?? [];
    sessions.delete('s1');
    const shifted = (steps: readonly Step[]) =>
      steps.map((step) => ({ ...step, at: step.at + 1_000_000 }));
    const runsOf = (steps: readonly Step[]) =>
      replay([...known, ...shifted(steps)]).runs.filter((r) => !r.sessions.includes('s1'));
    const alone = new Map(
      [...sessions].map(([session, steps]) => [session, pathsOf(runsOf(steps))]),
    );
    const turns = [...sessions].flatMap(([session, steps]) => steps.map(() => session));
    const order = fc.shuffledSubarray(turns, { minLength: turns.length });
    fc.assert(
      fc.property(order, fc.integer({ min: 1, max: 500 }), (shuffled, pauseMs) => {
        const left = new Map([...sessions].map(([session, steps]) => [session, [...steps]]));
        const runs = runsOf(
          shuffled.flatMap((session, i) => {
            const step = left.get(session)?.shift();
            return step ? [{ ...step, at: i * pauseMs }] : [];
          }),
        );
        for (const { sessions: of } of runs) expect(of).toHaveLength(1);
        for (const [session, paths] of alone) {
          expect(pathsOf(runs.filter((r) => r.sessions.includes(session)))).toEqual(paths);
        }
      }),
      { numRuns: 60 },
    );
  });
});

/** The scripted model says the same in all sessions; a real one does not. */
function withOwnWords({ about, requests }: Recording): Recording {
  const own = requests.map((request) =>
    JSON.parse(
      JSON.stringify(request).replaceAll(
        /the quick|List the files\.(?=["\\])/g,
        `${request.session} $&`,
      ),
    ),
  );
  return { about, requests: own };
}

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

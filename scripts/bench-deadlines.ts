/**
 * `npm run bench:deadlines`: measures the share of deadlines that each policy meets, and how much
 * longer the runs without a deadline take for it. Deadlines are a multiple of a run's time on an
 * idle cluster and are given to random runs. Wrong input prints a message with file, line and field
 * and exits with 2.
 */
import { seededRandom } from '../src/core/learning/random.ts';
import type { RecordedRun } from '../src/core/runs/recorded-run.ts';
import { isolatedMs } from './report/isolated-time.ts';
import {
  numberOf,
  oneOf,
  POLICIES,
  readScenario,
  runCommand,
  SCENARIO_OPTIONS,
  SCENARIO_USAGE,
} from './sim/arguments.ts';
import type { Cluster } from './sim/cluster.ts';
import { type SimOptions, simulate } from './sim/simulator.ts';

const USAGE = `usage: npm run -s bench:deadlines -- --trace FILE --cluster FILE [options]

  --policies A,B,...  default edf,gittins,talaria-ddl
  --shares A,B,...    of the runs, which have a deadline (default 0.3,1)
  --times A,B,...     deadlines in times of the run's time on an idle cluster (default 1.2,1.5,2)
  --draws N           of the runs with a deadline; figures are their means (default 3)
${SCENARIO_USAGE}`;

const OPTIONS = {
  ...SCENARIO_OPTIONS,
  policies: { type: 'string', default: 'edf,gittins,talaria-ddl' },
  shares: { type: 'string', default: '0.3,1' },
  times: { type: 'string', default: '1.2,1.5,2' },
  draws: { type: 'string', default: '3' },
} as const;

await runCommand(OPTIONS, USAGE, async (values) => {
  const { trace, cluster, options } = await readScenario(values, USAGE);
  const policies = values.policies.split(',').map((name) => oneOf(POLICIES, 'policies', name));
  const draws = Math.max(1, Math.floor(numberOf('draws', values.draws)));
  const titles = [...policies.map((p) => `${p} met`), ...policies.map((p) => `others: ${p}`)];
  print(['deadlines', ...titles]);
  print(['---', ...titles.map(() => '---')]);
  for (const share of numbersOf('shares', values.shares)) {
    for (const times of numbersOf('times', values.times)) {
      const traces = Array.from({ length: draws }, (_, i) => {
        return withDeadlines(trace, cluster, share, times, options.seed + i);
      });
      const outcomes = policies.map((policy) => outcomeOf(traces, cluster, { ...options, policy }));
      print([
        `${share * 100} %, x${times}`,
        ...outcomes.map(({ metShare }) => (metShare * 100).toFixed(1)),
        ...outcomes.map(({ othersMs }) => secondsText(othersMs)),
      ]);
    }
  }
});

function withDeadlines(
  trace: readonly RecordedRun[],
  cluster: Cluster,
  share: number,
  times: number,
  seed: number,
): RecordedRun[] {
  const random = seededRandom(seed);
  return trace.map((run) => {
    if (random() >= share) return run;
    return { ...run, deadline_ms: times * isolatedMs(run, cluster) };
  });
}

/**
 * The share of deadlines met, and the mean completion time of runs without one, if there are any.
 */
function outcomeOf(
  traces: ReadonlyArray<readonly RecordedRun[]>,
  cluster: Cluster,
  options: SimOptions,
): { metShare: number; othersMs: number | undefined } {
  let [due, met, others, sumMs] = [0, 0, 0, 0];
  for (const trace of traces) {
    for (const { run, completedMs } of simulate(trace, cluster, options).runs) {
      const tookMs = completedMs - run.arrival_ms;
      if (run.deadline_ms === undefined) {
        others += 1;
        sumMs += tookMs;
      } else {
        due += 1;
        if (tookMs <= run.deadline_ms) met += 1;
      }
    }
  }
  return { metShare: met / Math.max(1, due), othersMs: others > 0 ? sumMs / others : undefined };
}

function secondsText(ms: number | undefined): string {
  return ms === undefined ? '' : (ms / 1000).toFixed(1);
}

function numbersOf(option: string, text: string): number[] {
  return text.split(',').map((part) => numberOf(option, part));
}

function print(cells: readonly string[]): void {
  console.log(`| ${cells.join(' | ')} |`);
}

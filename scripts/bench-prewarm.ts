/**
 * `npm run bench:prewarm`: compares the frontiers of cold wait against warm time of Talaria's
 * prewarm rule, of keep-alive and of the paper's rule: on whole traces, and on each application
 * alone at several rates. Each simulation learns while it runs. Wrong input prints a message with
 * file, line and field and exits with 2.
 */
import { seededRandom } from '../src/core/learning/random.ts';
import type { RecordedRun } from '../src/core/runs/recorded-run.ts';
import { numberOf, required, runCommand } from './sim/arguments.ts';
import { type Cluster, readCluster } from './sim/cluster.ts';
import { meanInterval } from './sim/confidence.ts';
import { COARSE, type Frontier, frontierOf, type RuleName } from './sim/frontier.ts';
import { coldWaitAt, excessOver } from './sim/frontier-margin.ts';
import { readTrace } from './sim/trace.ts';

const USAGE = `usage: npm run bench:prewarm -- --cluster FILE [--trace FILE ...] [options]

  --trace FILE         a recorded trace; may be given repeatedly
  --applications FILE  runs to draw from: each of their applications alone, at each rate
  --rates A,B,...      runs a minute (default 0.2,1,3)
  --runs N             of each application and rate (default 300)
  --seeds N            of arrivals, draws and the dispatcher (default 3)
  --help`;

const OPTIONS = {
  cluster: { type: 'string' },
  trace: { type: 'string', multiple: true },
  applications: { type: 'string' },
  rates: { type: 'string', default: '0.2,1,3' },
  runs: { type: 'string', default: '300' },
  seeds: { type: 'string', default: '3' },
  help: { type: 'boolean', default: false },
} as const;

/** Warm times at which frontiers are compared, as shares of the warm time of waking on demand. */
const WARM_SHARES = Array.from({ length: 13 }, (_, i) => 0.8 + i / 10);
const SHOWN_SHARES = [1, 1.2, 1.5];

interface Scenario {
  readonly name: string;
  readonly traceOf: (seed: number) => readonly RecordedRun[];
}

await runCommand(OPTIONS, USAGE, async (values) => {
  const cluster = await readCluster(required(values.cluster, 'cluster', USAGE));
  const seeds = Math.max(1, Math.floor(numberOf('seeds', values.seeds)));
  const scenarios: Scenario[] = [];
  for (const file of values.trace ?? []) {
    const trace = await readTrace(file);
    const name = file.slice(file.lastIndexOf('/') + 1);
    scenarios.push({ name, traceOf: () => trace });
  }
  if (values.applications !== undefined) {
    const recorded = await readTrace(values.applications);
    const rates = values.rates.split(',').map((rate) => numberOf('rates', rate));
    scenarios.push(...alone(recorded, rates, numberOf('runs', values.runs)));
  }
  header();
  for (const scenario of scenarios) row(scenario, cluster, seeds);
});

/** Scenarios of one application each, with random arrivals at each of the rates. */
function alone(recorded: readonly RecordedRun[], rates: readonly number[], count: number) {
  const apps = [...new Set(recorded.map((run) => run.app))];
  return apps.flatMap((app) => {
    const runs = recorded.filter((run) => run.app === app);
    return rates.map((perMin): Scenario => {
      const traceOf = (seed: number) => arrivals(runs, perMin, count, seed);
      return { name: `${app}, ${perMin} a min`, traceOf };
    });
  });
}

function arrivals(runs: readonly RecordedRun[], perMin: number, count: number, seed: number) {
  const random = seededRandom(seed);
  let arrival_ms = 0;
  return Array.from({ length: count }, (_, i): RecordedRun => {
    arrival_ms += (60_000 / perMin) * -Math.log(1 - random());
    const from = runs[Math.floor(random() * runs.length)] as RecordedRun;
    return { run: `r${i}`, app: from.app, arrival_ms, units: from.units };
  });
}

function header(): void {
  console.log(
    `Wait for cold starts as a share of waking on demand, at so much of its warm time:\n` +
      `Talaria / keep-alive / the paper's rule. Excess: Talaria's wait less the other's where that is\n` +
      `worst for Talaria, from 0.8 to 2 times the warm time, with its 95 % interval.\n`,
  );
  const cells = SHOWN_SHARES.map((share) => `at ${share}`);
  print(['workload', ...cells, 'excess over keep-alive', "over the paper's rule"]);
  print(Array.from({ length: SHOWN_SHARES.length + 3 }, () => '---'));
}

function row({ name, traceOf }: Scenario, cluster: Cluster, seeds: number): void {
  const frontiers = Array.from({ length: seeds }, (_, i) => {
    const base = {
      policy: 'gittins',
      alpha: 0.5,
      theta: 0.25,
      prewarm: 'off',
      history: [],
    } as const;
    return frontierOf(traceOf(i + 1), cluster, { ...base, seed: i + 1 }, COARSE);
  });
  if (frontiers.every((frontier) => frontier.coldWaitMs === 0)) {
    print([name, ...SHOWN_SHARES.map(() => ''), 'never waits', '']);
    return;
  }
  const cells = SHOWN_SHARES.map((share) =>
    (['talaria', 'keep-alive', 'paper'] as const)
      .map((rule) => shareText(frontiers, rule, share))
      .join(' / '),
  );
  print([name, ...cells, worst(frontiers, 'keep-alive'), worst(frontiers, 'paper')]);
}

function shareText(frontiers: readonly Frontier[], rule: RuleName, warmShare: number): string {
  const waits = frontiers.flatMap((f) => coldWaitAt(f.curves.get(rule) ?? [], warmShare) ?? []);
  return waits.length === frontiers.length ? meanInterval(waits).mean.toFixed(2) : '-';
}

/** Talaria's excess over the other rule, at the warm time where the excess is largest. */
function worst(frontiers: readonly Frontier[], other: RuleName): string {
  const excesses = WARM_SHARES.flatMap((share) => {
    const values = frontiers.flatMap((frontier) => excessOver(frontier, other, share) ?? []);
    return values.length === frontiers.length ? [{ share, ...meanInterval(values) }] : [];
  });
  const most = excesses.reduce((a, b) => (b.mean > a.mean ? b : a));
  if (most.mean === Infinity) return `only the other goes down to ${most.share.toFixed(1)}`;
  const error = most.error === undefined ? '' : ` ±${most.error.toFixed(3)}`;
  return `${most.mean.toFixed(3)}${error} at ${most.share.toFixed(1)}`;
}

function print(cells: readonly string[]): void {
  console.log(`| ${cells.join(' | ')} |`);
}

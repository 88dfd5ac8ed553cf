/**
 * `npm run bench:platforms`: what waking on demand, keep-alive, the paper's rule and Talaria's cost
 * and bring on platforms that behave as platforms do: worlds drawn at random
 * (sim/platform-world.ts), each with every rule. Wrong input prints a message and exits with 2.
 */
import { seededRandom } from '../src/core/learning/random.ts';
import { numberOf, runCommand } from './sim/arguments.ts';
import { meanInterval, ratioInterval } from './sim/confidence.ts';
import { BACKEND, drawnKnobs, type PlatformWorld, worldOf } from './sim/platform-world.ts';
import { type SimOptions, simulate } from './sim/simulator.ts';

const USAGE = `usage: npm run bench:platforms -- [options]

  --worlds N   default 200
  --hours N    of traffic, at most (default 8)
  --quiet N    hours after the last run (default 4)
  --seed N     of the first world (default 1)
  --help`;

const OPTIONS = {
  worlds: { type: 'string', default: '200' },
  hours: { type: 'string', default: '8' },
  quiet: { type: 'string', default: '4' },
  seed: { type: 'string', default: '1' },
  help: { type: 'boolean', default: false },
} as const;

const HOUR_MS = 3_600_000;
/** A Monday, 00:00 UTC. */
const EPOCH_MS = Date.UTC(2027, 0, 4);

const RULES: ReadonlyArray<readonly [string, Partial<SimOptions>]> = [
  ['waking on demand', { prewarm: 'off' }],
  ['keep-alive, 5 min', { prewarm: 'keep-alive', keepAliveMs: 300_000 }],
  ['keep-alive, 15 min', { prewarm: 'keep-alive', keepAliveMs: 900_000 }],
  ["the paper's rule, K = 0.5", { prewarm: 'paper' }],
  ['Talaria', { prewarm: 'talaria' }],
];

/** What one rule costs in one world. */
interface Outcome {
  /** Mean time of a run beyond its service, s. */
  readonly waitS: number;
  readonly warmS: number;
  /** Warm seconds and waits of all runs by their prices, theta and 1 - theta. */
  readonly priced: number;
  readonly failed: number;
  readonly pings: number;
}

await runCommand(OPTIONS, USAGE, async (values) => {
  const count = Math.max(2, Math.floor(numberOf('worlds', values.worlds)));
  const [hours, quiet] = [numberOf('hours', values.hours), numberOf('quiet', values.quiet)];
  const seed = numberOf('seed', values.seed);
  const worlds = Array.from({ length: count }, (_, i) =>
    worldOf(drawnKnobs(seededRandom(seed + i)), hours),
  );
  const outcomes = RULES.map(([, rule]) => worlds.map((w) => outcomeOf(w, rule, quiet * HOUR_MS)));
  print([
    '',
    'mean wait, s',
    'of on demand',
    'warm, h',
    'of on demand',
    'priced, of on demand',
    'pings',
    'failed runs',
  ]);
  print(Array.from({ length: 8 }, () => '---'));
  const [onDemand = []] = outcomes;
  for (const [i, [name]] of RULES.entries()) row(name, outcomes[i] ?? [], onDemand);
});

function outcomeOf(world: PlatformWorld, rule: Partial<SimOptions>, quietMs: number): Outcome {
  const { trace, cluster, theta, lastArrivalMs } = world;
  const { runs, warmMs, pings } = simulate(trace, cluster, {
    ...{ policy: 'gittins', alpha: 0.5, seed: 1, prewarm: 'off', history: [] },
    ...{ theta, epochMs: EPOCH_MS, downMs: 2 * HOUR_MS, untilMs: lastArrivalMs + quietMs },
    ...rule,
  });
  const done = runs.filter((r) => Number.isFinite(r.completedMs));
  let waitMs = 0;
  for (const { run, completedMs } of done) {
    waitMs += completedMs - run.arrival_ms;
    for (const { calls } of run.units) {
      for (const call of calls) waitMs -= 'service_ms' in call ? call.service_ms : 0;
    }
  }
  const warmS = (warmMs.get(BACKEND) ?? 0) / 1_000;
  return {
    waitS: waitMs / 1_000 / Math.max(1, done.length),
    warmS,
    priced: theta * warmS + ((1 - theta) * waitMs) / 1_000,
    failed: runs.length - done.length,
    pings,
  };
}

function row(name: string, own: readonly Outcome[], onDemand: readonly Outcome[]): void {
  const share = (of: (outcome: Outcome) => number) => {
    const { ratio, error } = ratioInterval(own.map(of), onDemand.map(of));
    return `${ratio.toFixed(2)} ±${error.toFixed(2)}`;
  };
  const mean = (of: (outcome: Outcome) => number, digits: number) => {
    const { mean: value, error = 0 } = meanInterval(own.map(of));
    return `${value.toFixed(digits)} ±${error.toFixed(digits)}`;
  };
  print([
    name,
    mean((o) => o.waitS, 1),
    share((o) => o.waitS),
    mean((o) => o.warmS / 3_600, 2),
    share((o) => o.warmS),
    share((o) => o.priced),
    mean((o) => o.pings, 0),
    String(own.reduce((sum, o) => sum + o.failed, 0)),
  ]);
}

function print(cells: readonly string[]): void {
  console.log(`| ${cells.join(' | ')} |`);
}

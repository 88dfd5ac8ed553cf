/**
 * npm run -s simulate -- --trace F --cluster F --policy P: simulates recorded runs and prints the
 * result as JSON, or with --compare a table. Wrong input: a message with file, line and field; exit 2.
 */
import { parseArgs } from 'node:util';
import { POLICY_NAMES } from '../src/core/policies/registry.ts';
import type { RecordedRun } from '../src/core/recorded-run.ts';
import { type Cluster, readCluster } from './sim/cluster.ts';
import { compare } from './sim/compare.ts';
import { resultOf } from './sim/result.ts';
import { PREWARM_MODES, type SimOptions, simulate } from './sim/simulator.ts';
import { InputError, readTrace } from './sim/trace.ts';

const POLICIES = [...POLICY_NAMES, 'srpt'] as const;

const USAGE = `usage: npm run -s simulate -- --trace FILE --cluster FILE --policy NAME [options]

  --policy NAME      ${POLICIES.join(', ')}
  --compare A,B,...  instead of --policy: a table of several, over --seeds
  --history FILE     learn from these finished runs first; else learn as the trace goes
  --alpha N          weight of arrival in the order (default 0.5)
  --theta N          probability of need from which to prewarm (default 0.25)
  --prewarm MODE     ${PREWARM_MODES.join(', ')} (default off)
  --seed N           default 1
  --seeds N          of a comparison (default 5)
  --runs             the result with the list of runs`;

try {
  await main();
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  console.error(error.message);
  process.exit(2);
}

async function main(): Promise<void> {
  const { values } = readArguments();
  if (values.help) {
    console.error(USAGE);
    return;
  }
  const trace = await readTrace(required(values.trace, 'trace'));
  const cluster = await readCluster(required(values.cluster, 'cluster'));
  const history = values.history === undefined ? [] : await readTrace(values.history);
  checkBackends(trace, cluster, values.trace ?? '');
  checkBackends(history, cluster, values.history ?? '');
  const options = {
    alpha: numberOf('alpha', values.alpha),
    theta: numberOf('theta', values.theta),
    seed: numberOf('seed', values.seed),
    prewarm: oneOf(PREWARM_MODES, 'prewarm', values.prewarm),
    history,
  };
  if (values.compare !== undefined) {
    const policies = values.compare.split(',').map((name) => oneOf(POLICIES, 'compare', name));
    console.log(compare(trace, cluster, options, policies, numberOf('seeds', values.seeds)));
    return;
  }
  const policy = oneOf(POLICIES, 'policy', required(values.policy, 'policy'));
  const simOptions: SimOptions = { ...options, policy };
  const result = simulate(trace, cluster, simOptions);
  console.log(JSON.stringify(resultOf(policy, result, values.runs)));
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        trace: { type: 'string' },
        cluster: { type: 'string' },
        policy: { type: 'string' },
        history: { type: 'string' },
        compare: { type: 'string' },
        alpha: { type: 'string', default: '0.5' },
        theta: { type: 'string', default: '0.25' },
        prewarm: { type: 'string', default: 'off' },
        seed: { type: 'string', default: '1' },
        seeds: { type: 'string', default: '5' },
        runs: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new InputError(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
}

function required(value: string | undefined, name: string): string {
  if (value === undefined) throw new InputError(`--${name} is missing\n\n${USAGE}`);
  return value;
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new InputError(`--${name}: expected a number of 0 or more, got "${text}"`);
}

function oneOf<T extends string>(names: readonly T[], option: string, given: string): T {
  const name = names.find((n) => n === given);
  if (name) return name;
  throw new InputError(`--${option}: expected one of ${names.join(', ')}, got "${given}"`);
}

function checkBackends(runs: readonly RecordedRun[], cluster: Cluster, file: string): void {
  for (const run of runs) {
    run.units.forEach((unit, i) => {
      if (cluster.has(unit.backend)) return;
      const where = `${file}: run "${run.run}": units[${i}].backend`;
      throw new InputError(`${where}: the cluster has no backend "${unit.backend}"`);
    });
  }
}

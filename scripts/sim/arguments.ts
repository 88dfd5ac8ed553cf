/**
 * Command-line options that all simulation commands share, read and checked. Wrong input is an
 * InputError: it prints a message with file, line and field and exits with 2.
 */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { AFFINITIES } from '../../src/core/backends/backend-spec.ts';
import { POLICY_NAMES } from '../../src/core/order/policies/registry.ts';
import type { RecordedRun } from '../../src/core/runs/recorded-run.ts';
import { type Cluster, readCluster } from './cluster.ts';
import { PREWARM_MODES, type SimOptions } from './simulator.ts';
import { InputError, readTrace } from './trace.ts';

/** All policies, with the clairvoyant one that exists only in simulations. */
export const POLICIES = [...POLICY_NAMES, 'srpt'] as const;

export const SCENARIO_OPTIONS = {
  trace: { type: 'string' },
  cluster: { type: 'string' },
  history: { type: 'string' },
  alpha: { type: 'string', default: '0.5' },
  theta: { type: 'string', default: '0.25' },
  prewarm: { type: 'string', default: 'off' },
  affinity: { type: 'string', default: 'hold' },
  seed: { type: 'string', default: '1' },
  help: { type: 'boolean', default: false },
} as const satisfies ParseArgsOptionsConfig;

export const SCENARIO_USAGE = `  --history FILE     learn from these finished runs first; else learn as the trace goes
  --alpha N          weight of arrival in the order (default 0.5)
  --theta N          probability of need from which to prewarm (default 0.25)
  --prewarm MODE     ${PREWARM_MODES.join(', ')} (default off)
  --affinity MODE    ${AFFINITIES.join(', ')}: whether calls go where their prefix is cached, and wait
                     for that endpoint (default hold)
  --seed N           default 1`;

interface ScenarioValues {
  readonly trace?: string | undefined;
  readonly cluster?: string | undefined;
  readonly history?: string | undefined;
  readonly alpha: string;
  readonly theta: string;
  readonly prewarm: string;
  readonly affinity: string;
  readonly seed: string;
}

/** The input of a simulation: recorded runs, a cluster, and options. */
export interface Scenario {
  readonly trace: readonly RecordedRun[];
  readonly cluster: Cluster;
  readonly options: Omit<SimOptions, 'policy'>;
}

type Values<T extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ options: T }>
>['values'];

/**
 * Runs a command with the values of its options, or prints its usage for `--help`. Wrong input
 * prints the message and exits with 2.
 */
export async function runCommand<T extends ParseArgsOptionsConfig>(
  options: T,
  usage: string,
  main: (values: Values<T>) => Promise<void>,
): Promise<void> {
  try {
    const values = readArguments(options, usage);
    if ('help' in values && values.help) console.error(usage);
    else await main(values);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}

/** Prints the usage and ends the process where the arguments ask for it. */
export function answerHelp(usage: string): void {
  if (!process.argv.slice(2).includes('--help')) return;
  console.error(usage);
  process.exit(0);
}

function readArguments<T extends ParseArgsOptionsConfig>(options: T, usage: string): Values<T> {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new InputError(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  }
}

export async function readScenario(values: ScenarioValues, usage: string): Promise<Scenario> {
  const traceFile = required(values.trace, 'trace', usage);
  const trace = await readTrace(traceFile);
  const cluster = await readCluster(required(values.cluster, 'cluster', usage));
  const history = values.history === undefined ? [] : await readTrace(values.history);
  checkBackends(trace, cluster, traceFile);
  checkBackends(history, cluster, values.history ?? '');
  const options = {
    alpha: numberOf('alpha', values.alpha),
    theta: numberOf('theta', values.theta),
    seed: numberOf('seed', values.seed),
    prewarm: oneOf(PREWARM_MODES, 'prewarm', values.prewarm),
    affinity: oneOf(AFFINITIES, 'affinity', values.affinity),
    history,
  };
  return { trace, cluster, options };
}

export function required(value: string | undefined, name: string, usage: string): string {
  if (value === undefined) throw new InputError(`--${name} is missing\n\n${usage}`);
  return value;
}

export function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new InputError(`--${name}: expected a number of 0 or more, got "${text}"`);
}

export function oneOf<T extends string>(names: readonly T[], option: string, given: string): T {
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

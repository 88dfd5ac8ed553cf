/**
 * `npm run -s bench:eta -- --trace F --cluster F`: how close the waits that callers are told are to
 * those that come, over recorded runs in the simulator.
 */
import {
  oneOf,
  POLICIES,
  readScenario,
  runCommand,
  SCENARIO_OPTIONS,
  SCENARIO_USAGE,
} from './sim/arguments.ts';
import { Simulation } from './sim/simulator.ts';
import { ToldWaits, type WaitReport } from './sim/told-waits.ts';

const USAGE = `usage: npm run -s bench:eta -- --trace FILE --cluster FILE [options]

  --policies A,B,...  default gittins,app-fcfs,fcfs
${SCENARIO_USAGE}`;

const OPTIONS = {
  ...SCENARIO_OPTIONS,
  policies: { type: 'string', default: 'gittins,app-fcfs,fcfs' },
} as const;

await runCommand(OPTIONS, USAGE, async (values) => {
  const { trace, cluster, options } = await readScenario(values, USAGE);
  console.log(`policy     told      waits  within 30 %  median of told / come`);
  for (const name of values.policies.split(',')) {
    const policy = oneOf(POLICIES, 'policies', name);
    const told = new ToldWaits();
    const simulation: Simulation = new Simulation(trace, cluster, {
      ...options,
      policy,
      observe: (at, events, effects) => told.observe(simulation.dispatcher, at, events, effects),
    });
    simulation.run();
    const { joining, later } = told.report();
    console.log(line(policy, 'joining', joining));
    console.log(line(policy, 'later', later));
  }
});

function line(policy: string, when: string, { waits, close, median }: WaitReport): string {
  const share = Number.isNaN(close) ? '-' : `${(100 * close).toFixed(1)} %`;
  const ratio = Number.isNaN(median) ? '-' : median.toFixed(2);
  const head = `${policy.padEnd(10)} ${when.padEnd(8)}`;
  return `${head} ${String(waits).padStart(6)} ${share.padStart(12)} ${ratio.padStart(8)}`;
}

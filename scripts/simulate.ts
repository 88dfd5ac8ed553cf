/**
 * `npm run -s simulate -- --trace F --cluster F --policy P`: simulates recorded runs and prints the
 * result as JSON, or a table with `--compare`. Wrong input prints a message with file, line and
 * field and exits with 2.
 */
import {
  numberOf,
  oneOf,
  POLICIES,
  readScenario,
  required,
  runCommand,
  SCENARIO_OPTIONS,
  SCENARIO_USAGE,
} from './sim/arguments.ts';
import { compare } from './sim/compare.ts';
import { measuresPrefixes } from './sim/first-tokens.ts';
import { resultOf } from './sim/result.ts';
import { simulate } from './sim/simulator.ts';

const USAGE = `usage: npm run -s simulate -- --trace FILE --cluster FILE --policy NAME [options]

  --policy NAME      ${POLICIES.join(', ')}
  --compare A,B,...  instead of --policy: a table of several, over --seeds
${SCENARIO_USAGE}
  --seeds N          of a comparison (default 5)
  --until-ms N       time goes on until then though no run is left; warm_ms and pings are up to then
  --runs             the result with the list of runs`;

const OPTIONS = {
  ...SCENARIO_OPTIONS,
  policy: { type: 'string' },
  compare: { type: 'string' },
  seeds: { type: 'string', default: '5' },
  'until-ms': { type: 'string' },
  runs: { type: 'boolean', default: false },
} as const;

await runCommand(OPTIONS, USAGE, async (values) => {
  const { trace, cluster, options: common } = await readScenario(values, USAGE);
  const until = values['until-ms'];
  const options = {
    ...common,
    ...(until === undefined ? {} : { untilMs: numberOf('until-ms', until) }),
  };
  if (values.compare !== undefined) {
    const policies = values.compare.split(',').map((name) => oneOf(POLICIES, 'compare', name));
    console.log(compare(trace, cluster, options, policies, numberOf('seeds', values.seeds)));
    return;
  }
  const policy = oneOf(POLICIES, 'policy', required(values.policy, 'policy', USAGE));
  const result = simulate(trace, cluster, { ...options, policy });
  const withPrefixes = measuresPrefixes(trace, cluster);
  console.log(JSON.stringify(resultOf(policy, result, values.runs, withPrefixes)));
});

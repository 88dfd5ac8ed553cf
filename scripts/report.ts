/**
 * `npm run report -- --trace F --cluster F --out DIR`: writes a page of charts that compare
 * policies on recorded runs, with the results as JSON. Wrong input prints a message with file, line
 * and field and exits with 2.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { measure, type PolicyChoice } from './report/measure.ts';
import { pageOf } from './report/page.ts';
import { resultsOf } from './report/results.ts';
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
import { InputError } from './sim/trace.ts';

const COMPARED: readonly PolicyChoice[] = [
  'fcfs',
  'app-fcfs',
  'las',
  'gittins',
  'talaria-ddl',
  'srpt',
];

const USAGE = `usage: npm run report -- --trace FILE --cluster FILE --out DIR [options]

  --out DIR          for index.html and results.json
  --policies A,B,... of ${POLICIES.join(', ')}
                     (default ${COMPARED.join(',')})
${SCENARIO_USAGE}
  --seeds N          simulate so often, from --seed on (default 1)`;

const OPTIONS = {
  ...SCENARIO_OPTIONS,
  out: { type: 'string' },
  policies: { type: 'string', default: COMPARED.join(',') },
  seeds: { type: 'string', default: '1' },
} as const;

await runCommand(OPTIONS, USAGE, async (values) => {
  const out = required(values.out, 'out', USAGE);
  const policies = values.policies.split(',').map((name) => oneOf(POLICIES, 'policies', name));
  const seeds = Math.max(1, Math.floor(numberOf('seeds', values.seeds)));
  const scenario = await readScenario(values, USAGE);
  // Created first, so that a wrong path fails before the long simulations.
  await makeFolder(out);
  const measured = measure(scenario, [...new Set(policies)], seeds);
  const sources = {
    trace: values.trace ?? '',
    cluster: values.cluster ?? '',
    history: values.history,
  };
  await writeFile(join(out, 'results.json'), resultsOf(measured));
  await writeFile(join(out, 'index.html'), await pageOf(measured, sources));
  console.log(join(out, 'index.html'));
});

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw new InputError(`--out: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * `npm run -s bench:eta -- --trace F --cluster F`: how close the waits that callers are told are to
 * those that come, over recorded runs in the simulator; with `--engine`, at a real engine.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '../src/core/learning/random.ts';
import { POLICY_NAMES } from '../src/core/order/policies/registry.ts';
import type { EngineAddress } from './engine/driven-dispatcher.ts';
import { findLlamaServer, startLlamaServer } from './engine/llama-server.ts';
import { writeTinyModel } from './engine/tiny-model.ts';
import { toldOnEngine } from './engine/told-on-engine.ts';
import { freePort } from './raw-workerd.ts';
import {
  numberOf,
  oneOf,
  POLICIES,
  readScenario,
  runCommand,
  SCENARIO_OPTIONS,
  SCENARIO_USAGE,
} from './sim/arguments.ts';
import { isOfOtherCalls } from './sim/run-bodies.ts';
import { Simulation } from './sim/simulator.ts';
import { ToldWaits, type WaitReport } from './sim/told-waits.ts';
import { waitBound } from './sim/wait-bound.ts';

const USAGE = `usage: npm run -s bench:eta -- --trace FILE --cluster FILE [options]
       npm run -s bench:eta -- --engine [--slots N] [--runs N]

  --engine           at the engine of ENGINE=URL, or at a llama-server that is started: LLAMA_SERVER, or
                     on the PATH, with ENGINE_MODEL or a small model of random weights
  --slots N          slots of the engine (default 4)
  --runs N           runs to make (default 240)
  --policies A,B,...  default gittins,app-fcfs,fcfs
  --held-out         leaves finished runs with the same calls as a run in flight out of what its waits
                     are drawn from: the figures of runs that were never seen before
  --bound N          instead, how close the best number could be at N moments of the trace, told by someone
                     who knows the length of all calls there and nothing of the arrivals after them
  --draws N          draws of those arrivals (default 16)
${SCENARIO_USAGE}`;

const HEAD = 'policy     told      waits  within 30 %  median of told / come';

const OPTIONS = {
  ...SCENARIO_OPTIONS,
  engine: { type: 'boolean', default: false },
  slots: { type: 'string', default: '4' },
  runs: { type: 'string', default: '240' },
  policies: { type: 'string', default: 'gittins,app-fcfs,fcfs' },
  'held-out': { type: 'boolean', default: false },
  bound: { type: 'string' },
  draws: { type: 'string', default: '16' },
} as const;

await runCommand(OPTIONS, USAGE, async (values) => {
  if (values.engine) {
    const [slots, runs] = [numberOf('slots', values.slots), numberOf('runs', values.runs)];
    return atEngine(values.policies.split(','), slots, runs);
  }
  const { trace, cluster, options } = await readScenario(values, USAGE);
  const policies = values.policies.split(',').map((name) => oneOf(POLICIES, 'policies', name));
  if (values.bound !== undefined) {
    const [moments, draws] = [numberOf('bound', values.bound), numberOf('draws', values.draws)];
    console.log('policy     told      waits  within 30 % at best');
    for (const policy of policies) {
      const draw = { moments, draws, random: seededRandom(1) };
      const bounds = waitBound(trace, cluster, { ...options, policy }, draw);
      for (const [told, { waits, close }] of Object.entries(bounds)) {
        const columns = [policy.padEnd(10), told.padEnd(9), String(waits).padStart(5)];
        console.log(columns.join(' '), `${(100 * close).toFixed(1)} %`.padStart(20));
      }
    }
    return;
  }
  console.log(HEAD);
  for (const policy of policies) {
    const told = new ToldWaits();
    const simulation: Simulation = new Simulation(trace, cluster, {
      ...options,
      policy,
      ...(values['held-out'] ? { isLike: isOfOtherCalls(trace) } : {}),
      observe: (at, events, effects) => told.observe(simulation.dispatcher, at, events, effects),
    });
    simulation.run();
    print(policy, told);
  }
});

async function atEngine(names: readonly string[], slots: number, runs: number): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'talaria-eta-'));
  const { engine, stop } = await engineOf(dir, slots);
  try {
    console.log(HEAD);
    for (const name of names) {
      const policy = oneOf(POLICY_NAMES, 'policies', name);
      print(policy, await toldOnEngine(engine, policy, slots, runs, seededRandom(1)));
    }
  } finally {
    await stop();
    await rm(dir, { recursive: true, force: true });
  }
}

/** The engine that ENGINE names, or one that is started. */
async function engineOf(
  dir: string,
  slots: number,
): Promise<{ engine: EngineAddress; stop(): Promise<void> }> {
  const { ENGINE, ENGINE_KEY: key, ENGINE_MODEL } = process.env;
  const keyed = key ? { key } : {};
  if (ENGINE) {
    const url = ENGINE.replace(/\/+$/, '');
    const headers = { authorization: `Bearer ${key ?? 'none'}` };
    const { data } = await (await fetch(`${url}/models`, { headers })).json();
    return { engine: { url, model: data[0].id, ...keyed }, stop: async () => {} };
  }
  const binary = findLlamaServer(process.env);
  if (!binary) throw new Error('No engine: set ENGINE=http://127.0.0.1:8080/v1, or LLAMA_SERVER');
  const file = ENGINE_MODEL ?? join(dir, 'chat.gguf');
  if (!ENGINE_MODEL) await writeTinyModel(file);
  const started = startLlamaServer({ binary, model: { file }, port: await freePort(), slots });
  await started.ready();
  return { engine: { url: started.url, model: 'model' }, stop: () => started.stop() };
}

function print(policy: string, told: ToldWaits): void {
  const { joining, later } = told.report();
  console.log(line(policy, 'joining', joining));
  console.log(line(policy, 'later', later));
}

function line(policy: string, when: string, { waits, close, median }: WaitReport): string {
  const share = Number.isNaN(close) ? '-' : `${(100 * close).toFixed(1)} %`;
  const ratio = Number.isNaN(median) ? '-' : median.toFixed(2);
  const head = `${policy.padEnd(10)} ${when.padEnd(8)}`;
  return `${head} ${String(waits).padStart(6)} ${share.padStart(12)} ${ratio.padStart(8)}`;
}

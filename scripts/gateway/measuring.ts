/**
 * Measures the gateway benchmark's subjects: rounds of all of them are interleaved, each answer is
 * checked in full, and the endpoint counts its calls.
 */
import { ProcessMeter } from '../hostile/process-meter.ts';
import type { Counts } from './endpoint.ts';
import type { Forked } from './forked.ts';
import { type Measured, median, PACE_MS } from './gateway-table.ts';
import type { Load, LoadResult } from './load-client.ts';
import type { Subject } from './subjects.ts';

/** Connections whose rate is halved for `--half`. */
export const HALF_OF = 16;
/** Connections that share the calls then, and those with a stream of an engine for `--paced`. */
const MANY_CONNECTIONS = 64;

export interface Bench {
  readonly endpoint: Forked<string, Counts>;
  readonly client: Forked<Load, LoadResult>;
  /** Numbers the measurements, so that no two have the same runs. */
  number: number;
}

export interface Plan {
  /** Whether calls are streamed: once for each kind. */
  readonly kinds: readonly boolean[];
  readonly loads: ReadonlyArray<Measured['load']>;
  readonly rounds: number;
  readonly seconds: number;
  /** Of calls of each kind, before anything is measured. */
  readonly warmSeconds: number;
}

/** Measures in interleaved rounds. Each begins with another subject: none always follows the same. */
export async function measureAll(
  bench: Bench,
  subjects: readonly Subject[],
  { kinds, loads, rounds, seconds, warmSeconds }: Plan,
): Promise<Measured[]> {
  for (const subject of subjects) {
    for (const isStreamed of kinds) await measure(bench, subject, isStreamed, HALF_OF, warmSeconds);
  }
  const all = kinds.flatMap((isStreamed) => loads.map((load) => ({ isStreamed, load })));
  const measurements = all.filter(({ isStreamed, load }) => isStreamed || load !== 'paced');
  const measured: Measured[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const from = round % Math.max(1, subjects.length);
    const order = [...subjects.slice(from), ...subjects.slice(0, from)];
    for (const { isStreamed, load } of measurements) {
      for (const subject of order) {
        const perSec = load === 'half' ? halfRate(measured, subject, isStreamed) : undefined;
        measured.push(await measure(bench, subject, isStreamed, load, seconds, perSec));
      }
    }
    console.error(`round ${round + 1} of ${rounds}`);
  }
  return measured;
}

async function measure(
  bench: Bench,
  subject: Subject,
  isStreamed: boolean,
  load: Measured['load'],
  seconds: number,
  perSec?: number,
): Promise<Measured> {
  const concurrency = typeof load === 'number' ? load : MANY_CONNECTIONS;
  if (load === 'paced') await bench.endpoint.ask(`pace ${PACE_MS}`);
  const { result, cpuMs } = await run(bench, subject, isStreamed, concurrency, seconds, perSec);
  if (load === 'paced') await bench.endpoint.ask('pace 0');
  const cpuUs = (cpuMs * 1_000) / result.answers;
  return { ...result, subject: subject.name, isStreamed, load, cpuUs };
}

/** Throws where an answer was wrong, or the endpoint had more or fewer calls than were answered. */
export async function run(
  bench: Bench,
  subject: Subject,
  isStreamed: boolean,
  concurrency: number,
  seconds: number,
  perSec?: number,
): Promise<{ result: LoadResult; cpuMs: number; most: number }> {
  bench.number += 1;
  const { port, headers, isTalaria, pid, name } = subject;
  const runs = isTalaria ? `r${bench.number}` : undefined;
  const meter = new ProcessMeter(pid);
  await bench.endpoint.ask('count');
  const path = '/v1/chat/completions';
  const load = { port, path, headers, isStreamed, concurrency, seconds, perSec, runs };
  const result = await bench.client.ask(load);
  const { cpuMs } = meter;
  const { calls, most } = await bench.endpoint.ask('count');
  if (result.faults.length > 0) throw new Error(`${name}: ${result.faults.join('\n')}`);
  if (calls !== result.answers) throw new Error(`${name}: ${calls} calls for ${result.answers}`);
  return { result, cpuMs, most };
}

function halfRate(measured: readonly Measured[], subject: Subject, isStreamed: boolean): number {
  const rates = measured.filter(
    (one) => one.subject === subject.name && one.load === HALF_OF && one.isStreamed === isStreamed,
  );
  if (rates.length === 0) throw new Error('--half needs 16 among --at');
  return median(rates.map((one) => one.perSec)) / 2;
}

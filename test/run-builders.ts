/**
 * Builders of recorded runs and of queries to an application's model. By default: one slot, 1 ms a
 * token.
 */

import type { ApplicationModel, RankQuery } from '../src/core/learning/application-model.ts';
import { type Random, seededRandom } from '../src/core/learning/random.ts';
import type { Speeds } from '../src/core/runs/demand.ts';
import type { RecordedRun, VisitRecord } from '../src/core/runs/recorded-run.ts';
import type { VisitState } from '../src/core/runs/visit-state.ts';

/** Output tokens take 1 ms each on any backend; input tokens take no time. */
export const PLAIN: Speeds = () => ({ inputMs: 0, outputMs: 1 });

export function llm(unit: string, outputs: readonly number[], input = 100): VisitRecord {
  const calls = outputs.map((output) => ({ input_tokens: input, output_tokens: output }));
  return { unit, backend: 'llm', calls };
}

export function tool(unit: string, serviceMs: number): VisitRecord {
  return { unit, backend: 'tool', calls: [{ service_ms: serviceMs }] };
}

export function runOf(app: string, ...units: VisitRecord[]): RecordedRun {
  return { run: 'r', app, arrival_ms: 0, units };
}

/** The state of a run at its first visit to a unit, with nothing before it. */
export function stateAt(unit: string, fields: Partial<VisitState> = {}): VisitState {
  return { unit, visit: 1, fanOut: 1, fanOutBefore: 0, inputTokens: 100, beforeMs: 0, ...fields };
}

export function queryAt(
  unit: string,
  state: Partial<VisitState> = {},
  query: Partial<RankQuery> = {},
): RankQuery {
  const base = { backend: 'llm', attainedMs: 0, speeds: PLAIN, slots: 1 };
  return { ...base, ...query, state: stateAt(unit, state) };
}

/** Teaches a model finished runs, one second apart. */
export function teach(model: ApplicationModel, runs: readonly RecordedRun[], seed = 1): void {
  const random = seededRandom(seed);
  runs.forEach((run, i) => {
    model.learn(run, i * 1_000, PLAIN, random);
  });
}

/** A random value of the standard normal distribution. */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

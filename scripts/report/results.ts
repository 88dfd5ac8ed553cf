/** The JSON file beside the report page: an array of simulation results with their runs. */
import { resultOf } from '../sim/result.ts';
import type { Measured } from './measure.ts';

/**
 * One result for each policy and seed, one a line; with several seeds, each result contains its
 * seed.
 */
export function resultsOf({ scenario, policies, seeds }: Measured): string {
  const results = policies.flatMap(({ policy, results: bySeed }) =>
    bySeed.map((result, i) => ({
      ...resultOf(policy, result, true),
      ...(seeds > 1 ? { seed: scenario.options.seed + i } : {}),
    })),
  );
  return `[\n${results.map((r) => JSON.stringify(r)).join(',\n')}\n]\n`;
}

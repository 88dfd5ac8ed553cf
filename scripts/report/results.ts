/** The results beside the page: an array of a simulation's results with their runs, as JSON. */
import { resultOf } from '../sim/result.ts';
import type { Measured } from './measure.ts';

/** One result for each policy and seed, a line each; with several seeds each says its own. */
export function resultsOf({ scenario, policies, seeds }: Measured): string {
  const results = policies.flatMap(({ policy, results: bySeed }) =>
    bySeed.map((result, i) => ({
      ...resultOf(policy, result, true),
      ...(seeds > 1 ? { seed: scenario.options.seed + i } : {}),
    })),
  );
  return `[\n${results.map((r) => JSON.stringify(r)).join(',\n')}\n]\n`;
}

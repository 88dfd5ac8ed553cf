/**
 * The chart of times to the first token: which share of the model calls has begun to be answered within
 * a time. Drawn where prompts can share prefixes, or a backend has several endpoints: then the choice of
 * the endpoint decides about it.
 */
import { measuresPrefixes } from '../sim/first-tokens.ts';
import { drawing, type Figure, legend } from './figure.ts';
import { numberText, secondsText } from './html.ts';
import type { Measured, PolicyMeasure } from './measure.ts';
import { curveOf, curveOptions } from './share-curves.ts';

const AXES = { x: 'Time to first token, s (logarithmic)', y: 'Calls begun' };

export function firstTokenFigure({ scenario, policies, seeds }: Measured): Figure | undefined {
  if (!measuresPrefixes(scenario.trace, scenario.cluster)) return undefined;
  const curves = policies.map((measure) => {
    const sorted = firstTokensOf(measure);
    return curveOf(measure.policy, sorted, labelOf(measure, sorted));
  });
  if (curves.every(({ points }) => points.length < 2)) return undefined;
  const names = policies.map((p) => p.policy);
  const pooled = seeds > 1 ? ` Calls of all ${seeds} seeds together.` : '';
  return {
    id: 'first-token',
    title: 'Time to first token',
    caption: `Share of the model calls whose prompts have been read within a time from their submission; further left is sooner. The wait for a slot counts, and what of a prompt is in the endpoint\u2019s cache need not be read: ${hitsOf(policies)}.${pooled}`,
    body:
      legend(names) +
      drawing(
        `Cumulative distribution of times to the first token of ${names.join(', ')}, logarithmic time axis`,
        (width) => curveOptions(curves, AXES, width),
      ),
  };
}

/** Times of the calls of all seeds, ascending, ms. */
function firstTokensOf({ results }: PolicyMeasure): number[] {
  return results.flatMap(({ prefix }) => prefix.firstTokensMs).sort((a, b) => a - b);
}

function labelOf({ policy }: PolicyMeasure, sorted: readonly number[]): string {
  const mean = sorted.reduce((sum, ms) => sum + ms, 0) / Math.max(1, sorted.length);
  return `${policy}: ${secondsText(mean)} s on average`;
}

/** Cached shares of the input, by policy. */
function hitsOf(policies: readonly PolicyMeasure[]): string {
  const shares = policies.map(({ policy, results }) => {
    const mean = results.reduce((sum, { prefix }) => sum + prefix.hitRatio, 0) / results.length;
    return `${policy} ${numberText(Math.round(mean * 1000) / 10)} %`;
  });
  return `cached input under ${shares.join(', ')}`;
}

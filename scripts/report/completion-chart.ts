/** The chart of completion times: which share of the runs is done within a time. */
import { drawing, type Figure, legend } from './figure.ts';
import { secondsText } from './html.ts';
import { completionsOf, type Measured } from './measure.ts';
import { curveOf, curveOptions } from './share-curves.ts';

const AXES = { x: 'Completion time, s (logarithmic)', y: 'Runs done' };

export function completionFigure({ policies, seeds }: Measured): Figure {
  const curves = policies.map((measure) => {
    const sorted = completionsOf(measure);
    const worst = sorted.at(-1) ?? 0;
    const label = `${measure.policy}: all runs done within ${secondsText(worst)} s`;
    return curveOf(measure.policy, sorted, label);
  });
  const names = policies.map((p) => p.policy);
  const pooled = seeds > 1 ? ` Runs of all ${seeds} seeds together.` : '';
  return {
    id: 'completion',
    title: 'Completion time',
    caption: `Share of the runs that are done within a time; further left is sooner. On the logarithmic time axis equal distances are equal factors.${pooled}`,
    body:
      legend(names) +
      drawing(
        `Cumulative distribution of completion times of ${names.join(', ')}, logarithmic time axis`,
        (width) => curveOptions(curves, AXES, width),
      ),
  };
}

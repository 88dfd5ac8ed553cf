/**
 * The chart of completion times: cumulative distributions of all runs over a logarithmic time axis.
 */
import { axisX, axisY, gridX, gridY, line } from '@observablehq/plot';
import { type CdfPoint, cdf } from './distribution.ts';
import { drawing, type Figure, legend, type Width } from './figure.ts';
import { secondsText, tickText } from './html.ts';
import { logTicks } from './log-ticks.ts';
import { completionsOf, type Measured, type PolicyChoice } from './measure.ts';
import { strokeOf } from './palette.ts';

/** Share of the axis between two points of a curve: a third of a line's width. */
const RESOLUTION = 0.004;
/** A logarithmic axis cannot show 0, so a run without work is drawn at 1 ms. */
const LEAST_MS = 1;

interface Curve {
  readonly policy: PolicyChoice;
  readonly label: string;
  /** Points with seconds as the value. */
  readonly points: readonly CdfPoint[];
}

export function completionFigure({ policies, seeds }: Measured): Figure {
  const curves = policies.map((measure): Curve => {
    const sorted = completionsOf(measure);
    const points = cdf(sorted, RESOLUTION);
    const worst = sorted.at(-1) ?? 0;
    return {
      policy: measure.policy,
      label: `${measure.policy}: all runs done within ${secondsText(worst)} s`,
      // The curve starts at share 0 of its first value, so that it rises from the axis.
      points: [{ value: points[0]?.value ?? 0, share: 0 }, ...points].map(({ value, share }) => ({
        value: Math.max(LEAST_MS, value) / 1000,
        share,
      })),
    };
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
        (width) => options(curves, width),
      ),
  };
}

function options(curves: readonly Curve[], width: Width) {
  const narrow = width === 'narrow';
  const values = curves.flatMap((c) => c.points.map((p) => p.value));
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const domain: [number, number] = least < most ? [least, most] : [least / 2, most * 2];
  const shares = narrow ? [0, 0.25, 0.5, 0.75, 1] : [0, 0.25, 0.5, 0.75, 0.95, 1];
  const ticks = logTicks(...domain, narrow ? 6 : 12);
  return {
    height: narrow ? 300 : 420,
    marginLeft: 48,
    marginRight: 20,
    marginTop: 28,
    marginBottom: 44,
    x: { type: 'log' as const, domain },
    y: { domain: [0, 1] },
    marks: [
      gridX(ticks, { strokeOpacity: 0.12 }),
      gridY(shares, { strokeOpacity: 0.12 }),
      axisX(ticks, {
        label: 'Completion time, s (logarithmic)',
        labelArrow: 'right',
        labelAnchor: 'right',
        text: tickText,
      }),
      axisY(shares, {
        label: 'Runs done',
        labelArrow: 'none',
        tickFormat: (s: number) => `${Math.round(s * 100)} %`,
      }),
      ...curves.map(({ policy, label, points }) =>
        line(points, {
          x: 'value',
          y: 'share',
          curve: 'step-after',
          strokeWidth: 2,
          title: () => label,
          ...strokeOf(policy),
        }),
      ),
    ],
  };
}

/**
 * Cumulative distributions of times over a logarithmic axis: a curve for each policy, further left is
 * sooner. Which times is said in completion-chart.ts and first-token-chart.ts.
 */
import { axisX, axisY, gridX, gridY, line } from '@observablehq/plot';
import { type CdfPoint, cdf } from './distribution.ts';
import type { Width } from './figure.ts';
import { tickText } from './html.ts';
import { logTicks } from './log-ticks.ts';
import type { PolicyChoice } from './measure.ts';
import { strokeOf } from './palette.ts';

/** Share of the axis between two points of a curve: a third of a line's width. */
const RESOLUTION = 0.004;
/** A logarithmic axis cannot show 0, so what takes no time is drawn at 1 ms. */
const LEAST_MS = 1;

export interface Curve {
  readonly policy: PolicyChoice;
  readonly label: string;
  /** Points with seconds as the value. */
  readonly points: readonly CdfPoint[];
}

/** The curve of times in ascending order, ms. */
export function curveOf(policy: PolicyChoice, sortedMs: readonly number[], label: string): Curve {
  const points = cdf(sortedMs, RESOLUTION);
  return {
    policy,
    label,
    // The curve starts at share 0 of its first value, so that it rises from the axis.
    points: [{ value: points[0]?.value ?? 0, share: 0 }, ...points].map(({ value, share }) => ({
      value: Math.max(LEAST_MS, value) / 1000,
      share,
    })),
  };
}

/** `x` and `y`: labels of the axes. */
export function curveOptions(
  curves: readonly Curve[],
  { x, y }: { readonly x: string; readonly y: string },
  width: Width,
) {
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
        label: x,
        labelArrow: 'right',
        labelAnchor: 'right',
        text: tickText,
      }),
      axisY(shares, {
        label: y,
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

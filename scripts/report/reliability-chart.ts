/**
 * The calibration chart: forecast probabilities of need against how often need came. A calibrated
 * forecast lies on the diagonal.
 */
import { axisX, axisY, dot, gridX, gridY, line, text } from '@observablehq/plot';
import { drawing, type Figure, type Width } from './figure.ts';
import { numberText } from './html.ts';
import type { Measured } from './measure.ts';
import { colourOf } from './palette.ts';
import { type ReliabilityBin, reliabilityOf } from './reliability.ts';

/** Bins with fewer forecasts are drawn hollow: chance has more effect on them than calibration. */
const ENOUGH = 200;

export function reliabilityFigure({ forecasts, scenario }: Measured): Figure | undefined {
  if (!forecasts || forecasts.length === 0) return undefined;
  const lastMs = Math.max(...scenario.trace.map((run) => run.arrival_ms));
  const bins = reliabilityOf(forecasts.filter((f) => f.atMs >= lastMs / 2));
  if (bins.length === 0) return undefined;
  const full = bins.filter((bin) => bin.forecasts >= ENOUGH);
  const worst = Math.max(0, ...full.map((bin) => Math.abs(bin.predicted - bin.observed)));
  return {
    id: 'reliability',
    title: 'Calibration of the forecasts',
    caption: `Every 5 s, of each backend that can go cold and has no call: how likely a call needs it within a cold start, against how often one did. Second half of the trace, learned from the first and as it goes. Hollow: fewer than ${ENOUGH} forecasts.`,
    body:
      drawing('Observed share against forecast probability', (width) => options(bins, width)) +
      `<p class="note">Farthest from the diagonal, of bins with ${ENOUGH} forecasts or more: ${worst.toFixed(3)}. Forecasts: ${numberText(bins.reduce((sum, bin) => sum + bin.forecasts, 0))}.</p>`,
  };
}

function options(bins: readonly ReliabilityBin[], width: Width) {
  const narrow = width === 'narrow';
  const percent = (share: number) => `${Math.round(share * 100)} %`;
  const colour = colourOf('talaria');
  return {
    height: narrow ? 320 : 420,
    marginLeft: 52,
    marginRight: 20,
    marginTop: 28,
    marginBottom: 44,
    x: { domain: [0, 1] },
    y: { domain: [0, 1] },
    marks: [
      gridX({ strokeOpacity: 0.12 }),
      gridY({ strokeOpacity: 0.12 }),
      axisX({
        label: 'Forecast',
        labelArrow: 'right',
        labelAnchor: 'right',
        ticks: 5,
        tickFormat: percent,
      }),
      axisY({ label: 'Came true', labelArrow: 'none', ticks: 5, tickFormat: percent }),
      line([0, 1], { x: (v: number) => v, y: (v: number) => v, strokeOpacity: 0.5 }),
      dot(bins, {
        x: 'predicted',
        y: 'observed',
        r: 4,
        stroke: colour,
        strokeWidth: 1.75,
        fill: (bin: ReliabilityBin) => (bin.forecasts >= ENOUGH ? colour : 'none'),
      }),
      text(bins, {
        x: 'predicted',
        y: 'observed',
        dy: -12,
        fontSize: 11,
        text: (bin: ReliabilityBin) => numberText(bin.forecasts),
      }),
    ],
  };
}

/** Forecasts of need against what came: on the diagonal, what was said is what happened. */
import type { ForecastBin } from '../../../protocol/console/warmth.ts';
import { counted, percent } from '../../format/quantity.ts';
import { Chart } from '../../parts/chart.tsx';

export function Forecasts({ bins }: { readonly bins: readonly ForecastBin[] }) {
  const known = bins.filter(({ forecasts }) => forecasts > 0);
  const count = known.reduce((sum, { forecasts }) => sum + forecasts, 0);
  return (
    <figure class="warmth-chart">
      <figcaption>
        <strong>Forecasts against what came</strong>
        <span class="second soft">{counted(count, 'forecast')}</span>
      </figcaption>
      {known.length === 0 ? (
        <p class="faint">Nothing was forecast yet.</p>
      ) : (
        <Chart
          label={`Of forecasts of about ${percent(known.at(-1)?.forecast)}, ${percent(known.at(-1)?.came)} came true`}
          x={known.map(({ forecast }) => forecast)}
          xRange={[0, 1]}
          yMost={1}
          lines={[
            {
              name: 'came',
              colour: '--blue-fill',
              points: true,
              values: known.map(({ came }) => came),
            },
            {
              name: 'as forecast',
              colour: '--line-strong',
              width: 1,
              dash: [4, 4],
              values: known.map(({ forecast }) => forecast),
            },
          ]}
          heightPx={190}
          yPx={48}
          formatX={percent}
          formatY={percent}
        />
      )}
    </figure>
  );
}

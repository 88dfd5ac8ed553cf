/** Waiting and running calls since the page was opened, at most ten minutes. */
import { now } from '../../format/clock.ts';
import { timeOfDay } from '../../format/duration.ts';
import { counted, whole } from '../../format/quantity.ts';
import { loadHistory } from '../../live/history.ts';
import { Chart } from '../../parts/chart.tsx';

/** Length of the axis at least, ms. */
const LEAST_MS = 120_000;

export function LoadChart() {
  const samples = loadHistory.value;
  const last = samples.findLast(({ waiting }) => waiting !== null);
  if (!last) return null;
  // What was told last holds until now.
  const shown = [...samples, { ...(samples.at(-1) ?? last), at: Math.max(last.at, now.value) }];
  return (
    <Chart
      label={`Calls over the last minutes; now ${counted(last.waiting ?? 0, 'call')} waiting and ${last.running} running`}
      x={shown.map(({ at }) => at)}
      time
      heightPx={130}
      xSpan={LEAST_MS}
      yPx={44}
      formatX={timeOfDay}
      formatY={(count) => (Number.isInteger(count) ? whole(count) : '')}
      lines={[
        {
          name: 'waiting',
          colour: '--amber-fill',
          steps: true,
          values: shown.map((s) => s.waiting),
        },
        {
          name: 'running',
          colour: '--blue-fill',
          steps: true,
          values: shown.map((s) => s.running),
        },
      ]}
    />
  );
}

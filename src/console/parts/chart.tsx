/**
 * A chart of lines or steps over a number or a time, in the colours of the theme. A sentence says the
 * same to those who cannot see it. The library that draws it is larger than most screens: it is loaded
 * once what the screen says in words is there, into a place that is kept for it.
 */
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { ChartProps, Plot } from './plot.ts';
import { appliedTheme } from './theme.ts';
import { useLate } from './use-late.ts';

/** Height of the names of the lines below a chart, px. */
const LEGEND_PX = 25;

const loadPlot = () => import('./plot.ts');

export function Chart(props: ChartProps) {
  const { label, x, lines, heightPx = 220 } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const late = useLate(loadPlot);
  const make = late.kind === 'loaded' ? late.code.makePlot : undefined;
  const shape = JSON.stringify([
    lines.map(({ values: _, ...line }) => line),
    props.time,
    props.logX,
    props.yMost,
    props.xTicks,
    props.xRange,
    heightPx,
    appliedTheme.value,
  ]);

  useLayoutEffect(() => {
    if (!place.current || !make) return;
    const made = make(props, place.current);
    plot.current = made;
    return () => {
      made.end();
      plot.current = null;
    };
  }, [shape, make]);

  useEffect(() => {
    plot.current?.draw(props);
  }, [x, lines]);

  const leastPx = heightPx + (lines.length > 1 ? LEGEND_PX : 0);
  return (
    <div
      ref={place}
      class="chart"
      role="img"
      aria-label={label}
      style={{ minHeight: `${leastPx}px` }}
    >
      {late.kind === 'failed' && (
        <p class="faint">The chart could not be loaded. Reload the page to see it.</p>
      )}
    </div>
  );
}

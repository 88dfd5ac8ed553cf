/** Draws a chart by uPlot, onto a canvas in the page. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { UNKNOWN } from '../format/quantity.ts';
import { themeColour } from './theme-colour.ts';

export interface Line {
  readonly name: string;
  /** A custom property of the theme, such as `--blue`. */
  readonly colour: string;
  readonly width?: number;
  readonly dash?: readonly number[];
  /** Draws bars, one at each x. */
  readonly bars?: boolean;
  /** Draws steps, as of a count that holds until the next value. */
  readonly steps?: boolean;
  readonly points?: boolean;
  /** Fills the area below, in a custom property's colour. */
  readonly fill?: string;
  readonly values: ReadonlyArray<number | null>;
}

export interface ChartProps {
  /** What the chart says, in a sentence. */
  readonly label: string;
  /** Rising. Epoch ms where `time` is set. */
  readonly x: readonly number[];
  readonly lines: readonly Line[];
  readonly time?: boolean;
  readonly heightPx?: number;
  readonly formatX?: (value: number) => string;
  readonly formatY?: (value: number) => string;
  readonly logX?: boolean;
  readonly yMost?: number;
  /** Where the x axis has names, instead of round numbers. */
  readonly xTicks?: ReadonlyArray<{ readonly at: number; readonly name: string }>;
  /** Ends of the x axis, instead of those of the data. */
  readonly xRange?: readonly [number, number];
  /** Length of the x axis at least, in its unit (ms where `time` is set). */
  readonly xSpan?: number;
  /** Width of the labels at the left, px. */
  readonly yPx?: number;
}

export interface Plot {
  /** Draws other values in the same form. */
  draw(props: ChartProps): void;
  end(): void;
}

export function makePlot(props: ChartProps, element: HTMLElement): Plot {
  const { heightPx = 220 } = props;
  const built = new uPlot(optionsOf(props, element), dataOf(props), element);
  const observer = new ResizeObserver(() =>
    built.setSize({ width: element.clientWidth, height: heightPx }),
  );
  observer.observe(element);
  return {
    draw: (next) => built.setData(dataOf(next)),
    end: () => {
      observer.disconnect();
      built.destroy();
    },
  };
}

function dataOf({ x, lines, time }: ChartProps): uPlot.AlignedData {
  // uPlot's times are in seconds.
  const places = time ? x.map((ms) => ms / 1_000) : [...x];
  return [places, ...lines.map(({ values }) => [...values])];
}

function optionsOf(props: ChartProps, element: HTMLElement): uPlot.Options {
  const { lines, time = false, heightPx = 220, formatX, formatY, logX, yMost } = props;
  const sayX = (value: number) => formatX?.(time ? value * 1_000 : value) ?? '';
  const colours = getComputedStyle(document.documentElement);
  const axis = {
    stroke: themeColour('--ink-faint'),
    grid: { stroke: themeColour('--line'), width: 1 },
    ticks: { stroke: themeColour('--line'), width: 1, size: 4 },
    font: `11px ${colours.getPropertyValue('--font')}`,
  };
  return {
    width: element.clientWidth,
    height: heightPx,
    legend: { show: lines.length > 1, live: true },
    cursor: { points: { size: 6 }, drag: { x: false, y: false } },
    scales: {
      x: {
        time,
        ...(logX ? { distr: 3 as const } : {}),
        ...(props.xRange ? { range: [...props.xRange] as [number, number] } : {}),
        ...(props.xSpan === undefined
          ? {}
          : { range: atLeast(time ? props.xSpan / 1_000 : props.xSpan) }),
      },
      y: {
        range: (_, low, high) => [
          Math.min(0, low ?? 0),
          yMost ?? Math.max((high ?? 0) * 1.05, 1e-9),
        ],
      },
    },
    axes: [
      {
        ...axis,
        size: 32,
        ...(props.xTicks ? named(props.xTicks) : { space: 90 }),
        ...(formatX
          ? {
              values: (_: uPlot, splits: number[]) =>
                splits.map((v) => (v === null ? '' : sayX(v))),
            }
          : {}),
      },
      {
        ...axis,
        size: props.yPx ?? 56,
        ...(formatY ? { values: (_, splits) => splits.map((v) => formatY(v)) } : {}),
      },
    ],
    series: [
      {
        label: time ? 'Time' : 'At',
        value: (plot, v) => sayLast(plot, 0, v, formatX ? sayX : String),
      },
      ...lines.map((line): uPlot.Series => {
        const paths = pathsOf(line);
        return {
          label: line.name,
          stroke: themeColour(line.colour),
          width: line.width ?? 2,
          points: { show: line.points ?? false },
          // A count that nobody heard has no line; a point that is missing has its neighbours'.
          spanGaps: !line.steps,
          ...(line.dash ? { dash: [...line.dash] } : {}),
          ...(line.fill ? { fill: themeColour(line.fill) } : {}),
          ...(paths ? { paths } : {}),
          value: (plot, v, i) => sayLast(plot, i, v, formatY ?? String),
        };
      }),
    ],
  };
}

/** What a legend says of a value; of the last one while nothing is pointed at. */
function sayLast(
  plot: uPlot,
  series: number,
  value: number | null | undefined,
  say: (value: number) => string,
): string {
  const told = value ?? (plot.cursor.idx == null ? lastOf(plot.data[series] ?? []) : null);
  return told == null ? UNKNOWN : say(told) || String(told);
}

function lastOf(values: ArrayLike<number | null | undefined>): number | null {
  for (let i = values.length - 1; i >= 0; i -= 1) {
    const value = values[i];
    if (typeof value === 'number') return value;
  }
  return null;
}

function pathsOf({ steps, bars }: Line): uPlot.Series.PathBuilder | undefined {
  if (bars) return uPlot.paths.bars?.({ size: [0.9], radius: 0.15 });
  return steps ? uPlot.paths.stepped?.({ align: 1 }) : undefined;
}

function named(ticks: NonNullable<ChartProps['xTicks']>): uPlot.Axis {
  return {
    splits: () => ticks.map(({ at }) => at),
    values: () => ticks.map(({ name }) => name),
    grid: { show: false },
  };
}

/** Ends where the data end, and begins that much before at the latest. */
function atLeast(span: number): uPlot.Range.Function {
  return (_, low, high) => [Math.min(low ?? 0, (high ?? 0) - span), high ?? 0];
}

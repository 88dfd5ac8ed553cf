/**
 * The distribution of completion times as an SVG for a file: with its axes, the names of its lines,
 * and on a ground of its own, so that it can be read wherever it is put.
 */
import { axisX, axisY, gridX, gridY, line, plot, text } from '@observablehq/plot';
import { duration } from '../../format/duration.ts';
import type { Distribution } from './outcome.ts';

export interface FigureLine {
  readonly name: string;
  /** As CSS writes it. */
  readonly colour: string;
  readonly dash?: string;
}

export interface FigureLook {
  readonly title: string;
  readonly ink: string;
  readonly ground: string;
}

const [WIDTH_PX, HEIGHT_PX] = [800, 420];
/** Height of a line's name at the right, px. */
const NAME_PX = 18;

export function svgOf(
  { x, shares }: Distribution,
  lines: readonly FigureLine[],
  { title, ink, ground }: FigureLook,
  page: Document,
): string {
  const drawn = plot({
    document: page,
    width: WIDTH_PX,
    height: HEIGHT_PX,
    marginLeft: 56,
    marginRight: 32,
    marginTop: 44,
    style: `background: ${ground}; color: ${ink}; font: 13px system-ui, sans-serif`,
    x: { type: 'log', domain: [x[0] ?? 1, x.at(-1) ?? 10] },
    y: { domain: [0, 1] },
    marks: [
      gridX({ ticks: 6 }),
      gridY({ ticks: 5 }),
      axisX({ ticks: 6, tickFormat: (ms: number) => duration(ms), label: 'Completion time' }),
      axisY({
        ticks: 5,
        tickFormat: (share: number) => `${Math.round(share * 100)} %`,
        label: null,
      }),
      text([title], { frameAnchor: 'top-left', dy: -28, fontWeight: 600 }),
      ...lines.flatMap(({ name, colour, dash }, i) => [
        line(x, {
          x: (ms: number) => ms,
          y: (_: number, at: number) => shares[i]?.[at] ?? 0,
          stroke: colour,
          strokeWidth: 2,
          ...(dash === undefined ? {} : { strokeDasharray: dash }),
        }),
        text([name], {
          frameAnchor: 'bottom-right',
          dx: -8,
          dy: -8 - (lines.length - 1 - i) * NAME_PX,
          fill: colour,
          fontWeight: 600,
        }),
      ]),
    ],
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(drawn)}\n`;
}

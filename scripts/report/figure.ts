/**
 * A chart as it stands in the page, with a legend: drawn once for wide and once for narrow screens.
 */
import { type PlotOptions, plot } from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { escapeHtml } from './html.ts';
import { colourOf, type Drawn, LOOKS } from './palette.ts';

export interface Figure {
  readonly id: string;
  readonly title: string;
  /** An explanation of how to read the chart, as HTML. */
  readonly caption: string;
  /** The drawings and the legend, as HTML. */
  readonly body: string;
}

/**
 * Widths of the drawings in CSS pixels. Narrow screens get a drawing of their own, because text in
 * a scaled-down wide drawing would be too small to read.
 */
export const WIDTHS = { wide: 760, narrow: 340 } as const;
export type Width = keyof typeof WIDTHS;

/**
 * A number's digits after tenths of a pixel: they are invisible, and would be half of the page's
 * size.
 */
const TENTHS = /(\.\d)\d+/g;

const { document } = parseHTML('<!doctype html><html></html>');

/**
 * Both drawings; the style sheet shows one of them. `label` describes the chart for screen readers.
 */
export function drawing(label: string, options: (width: Width) => PlotOptions): string {
  return (['wide', 'narrow'] as const)
    .map((width) => {
      const chart = plot({
        document,
        width: WIDTHS[width],
        className: 'plot',
        ...options(width),
      });
      for (const path of chart.querySelectorAll('path')) {
        path.setAttribute('d', (path.getAttribute('d') ?? '').replace(TENTHS, '$1'));
      }
      chart.setAttribute('role', 'img');
      chart.setAttribute('aria-label', label);
      return `<div class="drawing ${width}">${chart.outerHTML}</div>`;
    })
    .join('\n');
}

export function legend(policies: readonly Drawn[]): string {
  const items = policies.map((policy) => `<li>${swatch(policy)}${escapeHtml(policy)}</li>`);
  return `<ul class="legend">${items.join('')}</ul>`;
}

export function swatch(policy: Drawn): string {
  const { dash } = LOOKS[policy];
  const dashes = dash === undefined ? '' : ` stroke-dasharray="${dash}"`;
  const line = `<line x1="0" x2="22" y1="5" y2="5" stroke="${colourOf(policy)}" stroke-width="3"${dashes}/>`;
  return `<svg class="swatch" width="22" height="10" aria-hidden="true">${line}</svg>`;
}

/** The picture of a call's cost over what grows: one SVG file that follows the reader's colours. */
import { axisX, axisY, gridY, line, ruleY } from '@observablehq/plot';
import { drawing } from '../report/figure.ts';
import { colourOf, customProperties, strokeOf } from '../report/palette.ts';
import { DIMENSIONS, type GrowthPoint } from './growth-bench.ts';

/** The picture as SVG. */
export function growthChart(points: readonly GrowthPoint[]): string {
  const policies = [...new Set(points.map(({ policy }) => policy))];
  const most = Math.max(...points.map(({ us }) => us));
  const html = drawing('Cost of a call in us, by policy, over what grows', () => ({
    height: 320,
    marginLeft: 48,
    marginBottom: 44,
    marginTop: 28,
    fx: { domain: Object.keys(DIMENSIONS), label: null },
    x: { type: 'log' },
    y: { type: 'log', domain: [1, most * 1.2] },
    marks: [
      gridY({ strokeOpacity: 0.12 }),
      axisX({ label: null, ticks: 3, tickFormat: (n: number) => n.toLocaleString('en') }),
      axisY({ label: 'us a call', labelArrow: 'none', ticks: 4, tickFormat: '~s' }),
      ruleY([1], { strokeOpacity: 0.35 }),
      ...policies.map((policy) =>
        line(
          points.filter((p) => p.policy === policy),
          { fx: 'dimension', x: 'value', y: 'us', strokeWidth: 1.75, ...strokeOf(policy) },
        ),
      ),
    ],
  }));
  const svg = /<svg[\s\S]*?<\/svg>/.exec(html)?.[0] ?? '';
  const legend = policies.map((policy, i) => {
    const [x, y] = [48 + (i % 6) * 118, 340 + Math.floor(i / 6) * 18];
    return `<text x="${x}" y="${y}" font-size="12" fill="${colourOf(policy)}">${policy}</text>`;
  });
  const style = `svg { ${customProperties('light')} color: #16191d; }
    @media (prefers-color-scheme: dark) { svg { ${customProperties('dark')} color: #f1f3f5; } }`;
  return svg
    .replace(/\n\s*height: intrinsic;/, '')
    .replace(/height="320"/, 'height="368"')
    .replace(/viewBox="0 0 760 320"/, 'viewBox="0 0 760 368"')
    .replace('</svg>', `<style>${style}</style>${legend.join('')}</svg>`);
}

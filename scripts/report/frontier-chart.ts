/**
 * The prewarming chart: cold wait against warm time for each prewarm rule, over the rule's
 * parameter.
 */
import { axisX, axisY, dot, gridX, gridY, line, ruleX, ruleY } from '@observablehq/plot';
import type { FrontierPoint, RuleName } from '../sim/frontier.ts';
import { drawing, type Figure, legend, type Width } from './figure.ts';
import { numberText } from './html.ts';
import type { Measured } from './measure.ts';
import { colourOf, strokeOf } from './palette.ts';

/** The right end of the axis: settings with more warm time than this are of no interest. */
const MOST_SHARE = 2.2;

interface Curve {
  readonly rule: RuleName;
  readonly points: readonly FrontierPoint[];
}

const PARAMETERS: Readonly<Record<RuleName, string>> = {
  'keep-alive': 'held for s',
  paper: 'K',
  talaria: 'theta',
  oracle: 'knows the trace',
};

export function frontierFigure({ frontier }: Measured): Figure | undefined {
  if (!frontier) return undefined;
  const curves = [...frontier.curves].map(([rule, points]): Curve => {
    const inOrder = [...points].sort((a, b) => a.warmShare - b.warmShare);
    return { rule, points: inOrder.filter((p) => p.warmShare <= MOST_SHARE) };
  });
  const [warm, wait] = [frontier.warmMs, frontier.coldWaitMs].map((ms) =>
    numberText(Math.round(ms / 1_000)),
  );
  const label = 'Wait for cold starts against warm time, for each prewarming rule';
  return {
    id: 'frontier',
    title: 'What prewarming costs and brings',
    caption: `Wait of all calls for cold starts against the time that backends are warm, as shares of waking on demand (${wait} s of wait, ${warm} s warm); further down and left is better. Each rule is drawn over its parameter, learning as it goes; idle backends can be told to go cold, except under the paper's rule, which has no word on that.`,
    body:
      legend(curves.map((c) => c.rule)) +
      drawing(label, (width) => options(curves, width)) +
      `<p class="note">${curves.map(({ rule }) => `${rule}: ${PARAMETERS[rule]}`).join(' · ')}</p>`,
  };
}

function options(curves: readonly Curve[], width: Width) {
  const narrow = width === 'narrow';
  const all = curves.flatMap((c) => c.points);
  const waits = all.map((p) => p.coldWaitShare);
  const percent = (share: number) => `${Math.round(share * 100)} %`;
  return {
    height: narrow ? 300 : 420,
    marginLeft: 52,
    marginRight: 20,
    marginTop: 28,
    marginBottom: 44,
    x: { domain: [Math.min(0.7, ...all.map((p) => p.warmShare)), MOST_SHARE] },
    y: { domain: [0, Math.min(2, Math.max(1.2, ...waits))], clamp: true },
    marks: [
      gridX({ strokeOpacity: 0.12 }),
      gridY({ strokeOpacity: 0.12 }),
      axisX({
        label: 'Warm time, of waking on demand',
        labelArrow: 'right',
        labelAnchor: 'right',
        ticks: narrow ? 4 : 8,
        tickFormat: percent,
      }),
      axisY({ label: 'Cold wait, of waking on demand', labelArrow: 'none', tickFormat: percent }),
      ruleX([1], { strokeOpacity: 0.35 }),
      ruleY([1], { strokeOpacity: 0.35 }),
      ...curves.flatMap(({ rule, points }) => [
        line(points, {
          x: 'warmShare',
          y: 'coldWaitShare',
          strokeWidth: 1.75,
          ...strokeOf(rule),
        }),
        dot(points, {
          x: 'warmShare',
          y: 'coldWaitShare',
          r: rule === 'oracle' ? 5 : 2.5,
          fill: colourOf(rule),
          title: (p: FrontierPoint) =>
            `${rule}, ${PARAMETERS[rule]} ${p.parameter}: wait ${percent(p.coldWaitShare)}, warm ${percent(p.warmShare)}`,
        }),
      ]),
    ],
  };
}

/** The slowdown chart: by application and policy, how many times longer runs take than alone. */
import { axisX, dot, gridX, ruleX, ruleY, text, tickX } from '@observablehq/plot';
import { type Span, spanOf } from './distribution.ts';
import { drawing, type Figure, legend, type Width } from './figure.ts';
import { countText, numberText, tickText } from './html.ts';
import { logTicks } from './log-ticks.ts';
import { type Measured, type PolicyChoice, slowdownsOf } from './measure.ts';
import { colourOf, strokeOf } from './palette.ts';

const ROW_PX = 13;
/** Rows above an application's first row, for its name. */
const HEAD = ['head 1', 'head 2'];
/** The number of letters of an application's name that are shown. */
const LONGEST_NAME = { wide: 90, narrow: 28 } as const;
/** Height of the axis. */
const AXIS_PX = 52;

interface Row extends Span {
  readonly app: string;
  readonly policy: PolicyChoice;
}

export function slowdownFigure({ scenario, policies, seeds }: Measured): Figure {
  const rows = policies.flatMap((measure) =>
    [...slowdownsOf(measure, scenario.cluster)].map(
      ([app, values]): Row => ({ app, policy: measure.policy, ...spanOf(values) }),
    ),
  );
  const names = policies.map((p) => p.policy);
  return {
    id: 'slowdown',
    title: 'Slowdown by application',
    caption:
      'Completion time over the time that the run takes alone: its critical path (the longest call of each visit, and the gaps) on an idle cluster with warm backends. 1 is no waiting at all, and less than 1 a prefix that was cached. The dot is the median, the end of the line the 95th percentile.',
    body:
      rows.length === 0
        ? '<p>No run has any work.</p>'
        : legend(names) +
          drawing(
            `Median and 95th percentile of the slowdown of each application under ${names.join(', ')}`,
            (width) => options(rows, names, seeds, width),
          ),
  };
}

function options(
  rows: readonly Row[],
  policies: readonly PolicyChoice[],
  seeds: number,
  width: Width,
) {
  const apps = [...new Set(rows.map((r) => r.app))].sort();
  const highest = Math.max(2, ...rows.map((r) => r.p95));
  // What is cached need not be read: a run may take less than its work alone says.
  const lowest = Math.min(1, ...rows.map((r) => r.median));
  const domain: [number, number] = [lowest, highest * 1.05];
  const ticks = logTicks(...domain, width === 'narrow' ? 6 : 12);
  const heads = apps.map((app) => {
    const runs = (rows.find((r) => r.app === app)?.count ?? 0) / seeds;
    const name = shortened(app, LONGEST_NAME[width]);
    return { app, head: `${name} · ${countText(runs, 'run')}` };
  });
  return {
    height: AXIS_PX + apps.length * (HEAD.length + policies.length) * ROW_PX,
    marginLeft: 12,
    marginRight: 20,
    marginTop: 6,
    marginBottom: 44,
    x: { type: 'log' as const, domain, insetLeft: 8 },
    y: { type: 'band' as const, domain: [...HEAD, ...policies], axis: null, padding: 0 },
    fy: { domain: apps, axis: null, padding: 0 },
    marks: [
      gridX(ticks, { strokeOpacity: 0.12 }),
      ruleX([1], { strokeOpacity: 0.5 }),
      axisX(ticks, {
        label: 'Slowdown, times the isolated time (logarithmic)',
        labelAnchor: 'right',
        labelArrow: 'right',
        text: (t: number) => `${tickText(t)}×`,
      }),
      text(heads, {
        fy: 'app',
        text: 'head',
        frameAnchor: 'top-left',
        dx: 14,
        dy: 9,
        fontWeight: 600,
        stroke: 'var(--surface)',
        strokeWidth: 4,
        fill: 'currentColor',
      }),
      ...policies.flatMap((policy) =>
        marksOf(
          policy,
          rows.filter((r) => r.policy === policy),
        ),
      ),
    ],
  };
}

function marksOf(policy: PolicyChoice, rows: readonly Row[]) {
  const place = { fy: 'app', y: 'policy' };
  const title = (r: Row) =>
    `${r.app}, ${policy}: median ${numberText(r.median)}×, P95 ${numberText(r.p95)}×`;
  return [
    ruleY(rows, { ...place, x1: 'median', x2: 'p95', strokeWidth: 2, title, ...strokeOf(policy) }),
    tickX(rows, { ...place, x: 'p95', stroke: colourOf(policy), strokeWidth: 2, inset: 3, title }),
    dot(rows, { ...place, x: 'median', r: 4, fill: colourOf(policy), title }),
  ];
}

function shortened(name: string, letters: number): string {
  return name.length <= letters ? name : `${name.slice(0, letters - 1)}…`;
}

/**
 * The queue chart: the number of waiting calls over time, one drawing for each backend at which
 * calls waited.
 */
import { axisX, axisY, gridX, gridY, line, ruleY } from '@observablehq/plot';
import type { Cluster } from '../sim/cluster.ts';
import { drawing, type Figure, legend, type Width } from './figure.ts';
import { countText, escapeHtml, numberText, tickText } from './html.ts';
import type { Measured, PolicyChoice } from './measure.ts';
import { strokeOf } from './palette.ts';
import { longest, meanByBin, type QueueStep } from './queue-length.ts';

const BINS = 240;
/** The number of backends drawn: those with the longest queues. */
const MOST_BACKENDS = 6;

interface Curve {
  readonly policy: PolicyChoice;
  /** `atMs` is measured from the first arrival. */
  readonly steps: readonly QueueStep[];
  readonly longest: number;
}

interface TimeUnit {
  readonly name: string;
  readonly ms: number;
}

export function queueFigure({ scenario, policies, seeds }: Measured): Figure {
  const fromMs = Math.min(...scenario.trace.map((run) => run.arrival_ms));
  const ends = policies.flatMap((p) => p.results[0]?.runs.map((r) => r.completedMs) ?? []);
  const lengthMs = Math.max(1, ends.reduce((last, end) => Math.max(last, end), fromMs) - fromMs);
  const panels = [...scenario.cluster.keys()]
    .map((backend) => ({
      backend,
      curves: policies.map(({ policy, queue }): Curve => {
        const steps = queue.get(backend) ?? [];
        const bins = meanByBin(steps, fromMs, fromMs + lengthMs, BINS);
        return {
          policy,
          steps: changesOf(bins).map(({ atMs, waiting }) => ({ atMs: atMs - fromMs, waiting })),
          longest: longest(steps),
        };
      }),
    }))
    .map((panel) => ({ ...panel, longest: Math.max(...panel.curves.map((c) => c.longest)) }))
    .filter((panel) => panel.longest > 0)
    .sort((a, b) => b.longest - a.longest);
  const shown = panels.slice(0, MOST_BACKENDS);
  const unit = unitOf(lengthMs);
  const left = panels.length - shown.length;
  const figure = { id: 'queue', title: 'Queue over time' };
  if (shown.length === 0) {
    const body = '<p>No call waited for a slot under any of these policies.</p>';
    return { ...figure, caption: 'Calls that wait for a slot.', body };
  }
  return {
    ...figure,
    caption: [
      `Calls that wait for a slot: the mean of each ${durationText(lengthMs / BINS)}, so that short peaks are lower than they were; the longest queue is given below each chart.`,
      ...(left > 0 ? [`Left out: ${countText(left, 'backend')} with shorter queues.`] : []),
      ...(seeds > 1 ? [`Seed ${scenario.options.seed}.`] : []),
    ].join(' '),
    body:
      legend(policies.map((p) => p.policy)) +
      shown.map((p) => panel(p.backend, p.curves, unit, scenario.cluster)).join('\n'),
  };
}

function panel(
  backend: string,
  curves: readonly Curve[],
  unit: TimeUnit,
  cluster: Cluster,
): string {
  const peaks = curves.map((c) => `${c.policy} ${numberText(c.longest)}`).join(' · ');
  const chart = drawing(
    `Calls waiting at ${backend} over time; longest queues: ${peaks}`,
    (width) => options(curves, unit, width),
  );
  const slots = cluster.get(backend)?.slots ?? null;
  const head = slots === null ? backend : `${backend} · ${countText(slots, 'slot')}`;
  return `<h3>${escapeHtml(head)}</h3>${chart}<p class="note">Longest queue: ${peaks}</p>`;
}

function options(curves: readonly Curve[], unit: TimeUnit, width: Width) {
  const narrow = width === 'narrow';
  return {
    height: narrow ? 240 : 300,
    marginLeft: 48,
    marginRight: 20,
    marginTop: 28,
    marginBottom: 44,
    y: { nice: true, zero: true },
    marks: [
      gridX({ strokeOpacity: 0.12, ticks: narrow ? 5 : 10 }),
      gridY({ strokeOpacity: 0.12, ticks: 5 }),
      axisX({
        label: `Time since the first arrival, ${unit.name}`,
        labelAnchor: 'right',
        labelArrow: 'right',
        ticks: narrow ? 5 : 10,
        tickFormat: tickText,
      }),
      axisY({ label: 'Calls waiting', labelArrow: 'none', ticks: 5, tickFormat: tickText }),
      ruleY([0], { strokeOpacity: 0.5 }),
      ...curves.map(({ policy, steps, longest: most }) =>
        line(steps, {
          x: (s: QueueStep) => s.atMs / unit.ms,
          y: 'waiting',
          curve: 'step-after',
          strokeWidth: 1.75,
          title: () => `${policy}: at most ${numberText(most)}`,
          ...strokeOf(policy),
        }),
      ),
    ],
  };
}

/**
 * The steps that change the number, and the last one: drawn as steps, they look the same as all
 * steps.
 */
function changesOf(steps: readonly QueueStep[]): QueueStep[] {
  return steps.filter(
    (step, i) => i === steps.length - 1 || step.waiting !== steps[i - 1]?.waiting,
  );
}

function unitOf(lengthMs: number): TimeUnit {
  if (lengthMs >= 4 * 3_600_000) return { name: 'h', ms: 3_600_000 };
  if (lengthMs >= 4 * 60_000) return { name: 'min', ms: 60_000 };
  if (lengthMs >= 4_000) return { name: 's', ms: 1_000 };
  return { name: 'ms', ms: 1 };
}

function durationText(ms: number): string {
  const unit = unitOf(4 * ms);
  return `${numberText(Number((ms / unit.ms).toPrecision(2)))} ${unit.name}`;
}

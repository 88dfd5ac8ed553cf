/**
 * The table of results: the figures of each policy, and their change against first come, first
 * served.
 */
import { meanInterval } from '../sim/confidence.ts';
import type { SimResult } from '../sim/simulator.ts';
import { type CompletionSummary, summarize } from '../sim/summary.ts';
import { type Figure, swatch } from './figure.ts';
import { changeText, escapeHtml, numberText, secondsText } from './html.ts';
import { completionMs, type Measured, type PolicyChoice, type PolicyMeasure } from './measure.ts';

interface Column {
  readonly title: string;
  readonly of: (result: SimResult) => number;
  /** Formats a value, or the error of a value `ofValue`. */
  readonly text: (value: number, ofValue?: number) => string;
  /** Set for columns that also show the change against the base policy. */
  readonly relative?: true;
}

const TIMES: ReadonlyArray<[title: string, field: keyof CompletionSummary]> = [
  ['Mean, s', 'mean_ms'],
  ['P50, s', 'p50_ms'],
  ['P95, s', 'p95_ms'],
  ['P99, s', 'p99_ms'],
];

const percent = (share: number) => `${numberText(Math.round(share * 1000) / 10)} %`;

/**
 * Names policies with equal completion times of every run: only the last of their curves is
 * visible.
 */
function twins(policies: readonly PolicyMeasure[]): string {
  const groups = Map.groupBy(policies, ({ results }) =>
    JSON.stringify(results.map(({ runs }) => runs.map(completionMs))),
  );
  return [...groups.values()]
    .filter((group) => group.length > 1)
    .map(
      (group) =>
        ` The same in every run, so that their curves are one: ${group.map((p) => p.policy).join(', ')}.`,
    )
    .join('');
}

export function summaryFigure(measured: Measured): Figure {
  const { policies, seeds } = measured;
  const base = policies.find((p) => p.policy === 'fcfs') ?? policies[0];
  const columns = columnsOf(measured);
  const several = seeds > 1 ? ` Means of ${seeds} seeds, ± their 95 % confidence interval.` : '';
  const clairvoyant = policies.some((p) => p.policy === 'srpt')
    ? ' srpt knows what each run will take: the bound to compare with, not a policy to be had.'
    : '';
  return {
    id: 'summary',
    title: 'Summary',
    caption: `Completion times of the runs; below each its change against ${base?.policy ?? ''}. A percentile is the smallest time within which that share of the runs is done.${clairvoyant}${several}${twins(policies)}`,
    body: `<div class="scroll" tabindex="0" role="region" aria-label="Summary table"><table>
<thead><tr><th scope="col">Policy</th>${columns.map((c) => `<th scope="col">${c.title}</th>`).join('')}</tr></thead>
<tbody>
${policies.map((p) => rowOf(p, columns, base)).join('\n')}
</tbody></table></div>`,
  };
}

function columnsOf({ scenario, policies }: Measured): Column[] {
  const columns: Column[] = TIMES.map(([title, field]) => ({
    title,
    of: ({ runs }) => summarize(runs.map(completionMs))[field],
    text: secondsText,
    relative: true,
  }));
  columns.push({
    title: 'Worst, s',
    of: ({ runs }) => runs.reduce((worst, r) => Math.max(worst, completionMs(r)), 0),
    text: secondsText,
    relative: true,
  });
  if (scenario.trace.some((run) => run.deadline_ms !== undefined)) {
    columns.push({ title: 'Deadlines met', of: deadlinesMet, text: percent });
  }
  if (policies.some((p) => p.results.some((r) => r.warmMs.size > 0))) columns.push(...COLD);
  return columns;
}

const COLD: readonly Column[] = [
  { title: 'Cold starts', of: (r) => r.coldStarts, text: numberText },
  { title: 'Cold wait, s', of: (r) => r.coldWaitMs, text: secondsText, relative: true },
  {
    title: 'Warm time, s',
    of: (r) => [...r.warmMs.values()].reduce((sum, ms) => sum + ms, 0),
    text: secondsText,
    relative: true,
  },
];

function deadlinesMet({ runs }: SimResult): number {
  const due = runs.filter((r) => r.run.deadline_ms !== undefined);
  const met = due.filter((r) => completionMs(r) <= (r.run.deadline_ms ?? 0));
  return met.length / due.length;
}

function rowOf(
  measure: PolicyMeasure,
  columns: readonly Column[],
  base: PolicyMeasure | undefined,
): string {
  const cells = columns.map((column) => {
    const { mean, error } = meanInterval(measure.results.map(column.of));
    const interval = error === undefined ? '' : ` <small>±${column.text(error, mean)}</small>`;
    if (!column.relative || !base) return `<td>${column.text(mean)}${interval}</td>`;
    const change =
      base === measure ? '' : changeText(mean, meanInterval(base.results.map(column.of)).mean);
    return `<td>${column.text(mean)}${interval}<span class="change">${change}</span></td>`;
  });
  return `<tr><th scope="row">${nameOf(measure.policy)}</th>${cells.join('')}</tr>`;
}

function nameOf(policy: PolicyChoice): string {
  return `${swatch(policy)}${escapeHtml(policy)}`;
}

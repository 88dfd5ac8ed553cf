/** What the replay gave: figures, the distribution of completion times, and a table by application. */
import { useMemo, useState } from 'preact/hooks';
import { duration } from '../../format/duration.ts';
import { money, whole } from '../../format/quantity.ts';
import { Chart } from '../../parts/chart.tsx';
import { Figure, Figures } from '../../parts/figures.tsx';
import { say } from '../../parts/notices.tsx';
import { themeColour } from '../../parts/theme-colour.ts';
import { saveText } from './download.ts';
import { csvOf, type Distribution, distributionOf, figuresByApp, type Outcome } from './outcome.ts';
import { type Replay, recorded } from './replay.ts';
import type { Trace } from './trace.ts';

export interface OutcomePartProps {
  readonly trace: Trace;
  /** Of the tenant's own setting, then of the one that was chosen. */
  readonly replays: readonly Replay[];
}

const LINES = [
  { colour: '--ink-faint', dash: [4, 4] },
  { colour: '--blue', dash: undefined },
  { colour: '--amber-fill', dash: undefined },
];

export function OutcomePart({ trace, replays }: OutcomePartProps) {
  const [own, chosen] = replays;
  const outcomes = useMemo<Outcome[]>(
    () => [
      { name: 'really', completions: recorded(trace) },
      { name: 'as configured, replayed', completions: own?.completions ?? [] },
      { name: 'what if', completions: chosen?.completions ?? [] },
    ],
    [trace, own, chosen],
  );
  const [app, setApp] = useState<string | undefined>();
  const rows = useMemo(() => figuresByApp(outcomes), [outcomes]);
  const distribution = useMemo(() => distributionOf(outcomes, app), [outcomes, app]);
  if (!own || !chosen) return null;
  const all = rows[0]?.figures ?? [];
  return (
    <section class="card" aria-labelledby="what-if-outcome">
      <div class="card-head">
        <h2 id="what-if-outcome">What would have been</h2>
        <span class="bar-space" />
        <label class="what-if-app">
          <span class="unseen">Application</span>
          <select
            class="input"
            value={app ?? ''}
            onChange={(e) => setApp(e.currentTarget.value || undefined)}
          >
            <option value="">all applications</option>
            {rows.flatMap(({ app: name }) =>
              name === undefined ? [] : [<option key={name}>{name}</option>],
            )}
          </select>
        </label>
        <button
          type="button"
          class="button"
          disabled={!distribution}
          onClick={() => distribution && void saveFigure(distribution, outcomes, app)}
        >
          Save the figure
        </button>
        <button
          type="button"
          class="button"
          onClick={() => saveText(csvOf(outcomes), 'what-if.csv', 'text/csv')}
        >
          Save the times
        </button>
      </div>
      <div class="card-body what-if-outcome">
        <Figures>
          <Figure name="Mean completion" title="Replayed as configured, then what if">
            {duration(all[1]?.mean)} → {duration(all[2]?.mean)}{' '}
            <Change from={all[1]?.mean} to={all[2]?.mean} />
          </Figure>
          <Figure name="P95">
            {duration(all[1]?.p95)} → {duration(all[2]?.p95)}{' '}
            <Change from={all[1]?.p95} to={all[2]?.p95} />
          </Figure>
          <Figure name="Waits for cold starts" title="Sum over all calls">
            {duration(own.coldWaitMs)} → {duration(chosen.coldWaitMs)}
          </Figure>
          <Figure name="Warm">
            {duration(own.warmMs)} → {duration(chosen.warmMs)}
          </Figure>
          {chosen.money !== null && (
            <Figure name="Money" title="Warm time at the price">
              {money(own.money)} → {money(chosen.money)}
            </Figure>
          )}
          <Figure name="Wakes ahead of need">
            {whole(own.wakes)} → {whole(chosen.wakes)}
          </Figure>
        </Figures>
        {distribution && (
          <Chart
            label={`Share of runs complete within a time: half of them within ${outcomes.map(({ name }, i) => `${duration(all[i]?.p50)} (${name})`).join(', ')}`}
            x={distribution.x}
            logX
            yMost={1}
            formatX={duration}
            formatY={(share) => `${Math.round(share * 100)} %`}
            lines={outcomes.map(({ name }, i) => ({
              name,
              colour: LINES[i]?.colour ?? '--ink',
              ...(LINES[i]?.dash ? { dash: LINES[i].dash } : {}),
              values: distribution.shares[i] ?? [],
            }))}
            heightPx={280}
          />
        )}
        <OutcomeTable rows={rows} outcomes={outcomes} />
      </div>
    </section>
  );
}

/** In the colours of the theme. What draws it is loaded when it is first wanted. */
async function saveFigure(
  distribution: Distribution,
  outcomes: readonly Outcome[],
  app: string | undefined,
): Promise<void> {
  const figure = await import('./what-if-figure.ts').catch(() => undefined);
  if (!figure) return say('A part of the page could not be loaded. Reload it.', 'bad');
  const lines = outcomes.map(({ name }, i) => {
    const { colour = '--ink', dash } = LINES[i] ?? {};
    return {
      name,
      colour: themeColour(colour),
      ...(dash ? { dash: dash.join(' ') } : {}),
    };
  });
  const title = `Share of runs complete within a time: ${app ?? 'all applications'}`;
  const look = { title, ink: themeColour('--ink'), ground: themeColour('--card') };
  saveText(figure.svgOf(distribution, lines, look, document), 'what-if.svg', 'image/svg+xml');
}

/** Less time is better. */
function Change({
  from,
  to,
}: {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}) {
  if (!from || to === undefined) return null;
  const change = Math.round((to / from - 1) * 100);
  const tone = change < 0 ? 'good' : change > 0 ? 'bad' : undefined;
  return (
    <span class="badge" data-tone={tone}>
      {change > 0 ? '+' : change < 0 ? '−' : '±'}
      {Math.abs(change)} %
    </span>
  );
}

const COLUMNS = ['p50', 'p95', 'p99'] as const;

interface OutcomeTableProps {
  readonly rows: ReturnType<typeof figuresByApp>;
  readonly outcomes: readonly Outcome[];
}

function OutcomeTable({ rows, outcomes }: OutcomeTableProps) {
  return (
    <div class="what-if-scroll" tabIndex={0} role="region" aria-label="Completion times">
      <table class="what-if-table">
        <thead>
          <tr>
            <th scope="col" rowSpan={2}>
              Application
            </th>
            <th scope="col" rowSpan={2}>
              Runs
            </th>
            {outcomes.map(({ name }) => (
              <th key={name} scope="colgroup" colSpan={COLUMNS.length}>
                {name}
              </th>
            ))}
          </tr>
          <tr>
            {outcomes.flatMap(({ name }) =>
              COLUMNS.map((column) => (
                <th key={name + column} scope="col">
                  {column.toUpperCase()}
                </th>
              )),
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ app, runs, figures }) => (
            <tr key={app ?? ''}>
              <th scope="row">{app ?? 'all'}</th>
              <td>{whole(runs)}</td>
              {figures.flatMap((f, i) =>
                COLUMNS.map((column) => (
                  <td key={`${i}${column}`}>{runs > 0 ? duration(f[column]) : '–'}</td>
                )),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

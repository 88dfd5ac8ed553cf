/** The screen Runs: recorded runs and those in flight, found by name, application, state and time. */

import { useEffect, useMemo } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { RunRow, RunsPage } from '../../../protocol/console/runs.ts';
import { usePages } from '../../ask/pages.ts';
import { RUN_FILTERS, runsPath } from '../../ask/tenant-path.ts';
import { duration } from '../../format/duration.ts';
import { compact, counted, UNKNOWN, whole } from '../../format/quantity.ts';
import { Ago, Since } from '../../format/times.tsx';
import { useNarrow } from '../../parts/narrow.ts';
import { Empty, Loaded } from '../../parts/states.tsx';
import { type Column, VirtualTable } from '../../parts/virtual-table.tsx';
import { callPlace, runPlace, runsPlace } from '../../places/places.ts';
import { useNames } from '../../places/use-names.ts';
import { RunFilters } from './run-filters.tsx';
import { RunStateBadge } from './run-state.tsx';
import './runs.css';

export function RunsScreen() {
  const tenant = useNames().tenant ?? '';
  const { query, route } = useLocation();
  const filters = Object.fromEntries(RUN_FILTERS.map((name) => [name, query[name] ?? '']));
  const path = runsPath(tenant, filters);
  const pages = usePages<RunRow, RunsPage>(path, (row) => `${row.run} ${row.arrivedAt}`, 'runs');
  const found = pages.first.value?.found;
  useEffect(() => {
    // The text was the id of one call.
    if (found) route(callPlace(tenant, found.call), true);
  }, [found, tenant, route]);
  const narrow = useNarrow();
  const columns = useMemo(() => columnsOf(tenant, narrow), [tenant, narrow]);
  const isFiltered = Object.values(filters).some((value) => value !== '');
  return (
    <>
      <div class="screen-head">
        <h1>Runs</h1>
      </div>
      <RunFilters tenant={tenant} filters={filters} />
      <section class="card" aria-label="Runs">
        <Loaded resource={pages.first} lines={10}>
          {() =>
            pages.rows.length === 0 ? (
              <Empty
                title={isFiltered ? 'No run is like this' : 'No run is known yet'}
                actions={
                  isFiltered && (
                    <a class="button" href={runsPlace(tenant, {})}>
                      Show all runs
                    </a>
                  )
                }
              >
                {isFiltered
                  ? 'Runs are found by the beginning of their names, by application, and by the id of a call or of a request.'
                  : 'Runs appear here when the tenant makes its first call.'}
              </Empty>
            ) : (
              <>
                <VirtualTable
                  label="Runs, the newest first"
                  columns={columns}
                  rows={pages.rows}
                  rowKey={(row) => `${row.run} ${row.arrivedAt}`}
                  rowPx={narrow ? 72 : 48}
                  mostPx={720}
                  onEnd={pages.more}
                />
                <p class="card-body faint">
                  {counted(pages.rows.length, 'run')}
                  {pages.isWhole ? '' : ' loaded; scroll for more.'}
                </p>
              </>
            )
          }
        </Loaded>
      </section>
    </>
  );
}

/** Tokens are known of calls that have ended. */
function tokensOf({ endedAt, inputTokens, outputTokens }: RunRow): string {
  if (endedAt === null && inputTokens + outputTokens === 0) return UNKNOWN;
  return `${compact(inputTokens)}, ${compact(outputTokens)}`;
}

function columnsOf(tenant: string, narrow: boolean): ReadonlyArray<Column<RunRow>> {
  return [
    {
      id: 'run',
      head: 'Run',
      track: 'minmax(0, 1.4fr)',
      cell: (row) => (
        <>
          <a class="row-link" href={runPlace(tenant, row.run)}>
            {row.label ?? row.app}
          </a>
          <span class="second mono">{row.run}</span>
          {narrow && (
            <span class="second">
              {counted(row.calls, 'call')}, arrived <Ago at={row.arrivedAt} />
            </span>
          )}
        </>
      ),
    },
    {
      id: 'state',
      head: 'State',
      track: '92px',
      cell: (row) => <RunStateBadge state={row.state} />,
    },
    {
      id: 'arrived',
      head: 'Arrived',
      track: '92px',
      align: 'end',
      wideOnly: true,
      cell: (row) => <Ago at={row.arrivedAt} />,
    },
    {
      id: 'took',
      head: 'Took',
      track: narrow ? '64px' : '96px',
      align: 'end',
      cell: (row) => (row.endedAt === null ? <Since at={row.arrivedAt} /> : duration(row.tookMs)),
    },
    {
      id: 'waited',
      head: 'Waited',
      track: '84px',
      align: 'end',
      wideOnly: true,
      cell: (row) => duration(row.waitedMs),
    },
    {
      id: 'calls',
      head: 'Calls',
      track: '56px',
      align: 'end',
      wideOnly: true,
      cell: (row) => whole(row.calls),
    },
    {
      id: 'tokens',
      head: 'Tokens in, out',
      track: '116px',
      align: 'end',
      wideOnly: true,
      cell: tokensOf,
    },
  ];
}

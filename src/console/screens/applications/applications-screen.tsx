/** The screen Applications: what is known, and of how many runs. */

import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { ApplicationRow, ApplicationsPage } from '../../../protocol/console/applications.ts';
import { usePages } from '../../ask/pages.ts';
import { applicationsPath } from '../../ask/tenant-path.ts';
import { duration } from '../../format/duration.ts';
import { counted, whole } from '../../format/quantity.ts';
import { Ago } from '../../format/times.tsx';
import { Badge } from '../../parts/badge.tsx';
import { useNarrow } from '../../parts/narrow.ts';
import { Empty, Loaded } from '../../parts/states.tsx';
import { type Column, VirtualTable } from '../../parts/virtual-table.tsx';
import { applicationPlace, screenPlace } from '../../places/places.ts';
import { useNames } from '../../places/use-names.ts';
import './applications.css';

export function ApplicationsScreen() {
  const tenant = useNames().tenant ?? '';
  const { query, route } = useLocation();
  const [text, setText] = useState(query.q ?? '');
  const q = query.q ?? '';
  const asked = useRef(q);
  useLayoutEffect(() => {
    // Another address, as by the way back; not the one that the typing brought about.
    if (q === asked.current) return;
    asked.current = q;
    setText(q);
  }, [q]);
  const path = applicationsPath(tenant, q);
  const pages = usePages<ApplicationRow, ApplicationsPage>(path, (row) => row.app, 'applications');
  const narrow = useNarrow();
  const columns = useMemo(() => columnsOf(tenant, narrow), [tenant, narrow]);
  const search = (value: string) => {
    setText(value);
    const name = value.trim();
    asked.current = name;
    const place = screenPlace(tenant, 'applications');
    route(name === '' ? place : `${place}?${new URLSearchParams({ q: name })}`, true);
  };
  return (
    <>
      <div class="screen-head">
        <h1>Applications</h1>
        <span class="bar-space" />
        <search class="app-search">
          <input
            class="input"
            type="search"
            aria-label="Name of an application"
            placeholder="Name"
            value={text}
            onInput={(event) => search(event.currentTarget.value)}
          />
        </search>
      </div>
      <section class="card" aria-label="Applications">
        <Loaded resource={pages.first} lines={8}>
          {({ total }) =>
            pages.rows.length === 0 ? (
              <Empty
                title={q === '' ? 'No application is known yet' : 'No application is called so'}
              >
                Talaria learns an application from its runs: name it by the header x-talaria-app, or
                let it be known by the shape of its calls.
              </Empty>
            ) : (
              <>
                <VirtualTable
                  label="Applications"
                  columns={columns}
                  rows={pages.rows}
                  total={total}
                  rowKey={(row) => row.app}
                  rowPx={narrow ? 68 : 48}
                  mostPx={720}
                  onEnd={pages.more}
                />
                <p class="card-body faint">{counted(total, 'application')}</p>
              </>
            )
          }
        </Loaded>
      </section>
    </>
  );
}

function columnsOf(tenant: string, narrow: boolean): ReadonlyArray<Column<ApplicationRow>> {
  return [
    {
      id: 'app',
      head: 'Application',
      track: 'minmax(0, 1.6fr)',
      cell: (row) => (
        <>
          <a class="row-link" href={applicationPlace(tenant, row.app)}>
            {row.label ?? row.app}
          </a>
          {row.label !== undefined && <span class="second mono">{row.app}</span>}
          {narrow && <span class="second">known from {counted(row.knownRuns, 'run')}</span>}
        </>
      ),
    },
    {
      id: 'drift',
      head: 'Drift',
      track: '84px',
      wideOnly: true,
      cell: (row) =>
        row.driftAlarms > 0 && (
          <Badge tone="amber" icon="alert" title="Units whose demand shifted">
            {row.driftAlarms}
          </Badge>
        ),
    },
    {
      id: 'known',
      head: 'Known runs',
      track: '88px',
      align: 'end',
      wideOnly: true,
      cell: (row) => whole(row.knownRuns),
    },
    {
      id: 'open',
      head: 'In flight',
      track: narrow ? '64px' : '88px',
      align: 'end',
      cell: (row) => (
        <span
          title={`${row.waitingRuns} with a call that waits, ${row.runningRuns} with one that runs`}
        >
          {whole(row.openRuns)}
        </span>
      ),
    },
    {
      id: 'work',
      head: 'Mean work',
      track: '92px',
      align: 'end',
      wideOnly: true,
      cell: (row) => duration(row.meanWorkMs),
    },
    {
      id: 'p50',
      head: 'P50',
      track: '80px',
      align: 'end',
      wideOnly: true,
      cell: (row) => duration(row.completion?.p50),
    },
    {
      id: 'p95',
      head: 'P95',
      track: narrow ? '72px' : '88px',
      align: 'end',
      cell: (row) => duration(row.completion?.p95),
    },
    {
      id: 'weight',
      head: 'Weight',
      track: '64px',
      align: 'end',
      wideOnly: true,
      cell: (row) => row.weight,
    },
    {
      id: 'last',
      head: 'Last ended',
      track: '92px',
      align: 'end',
      wideOnly: true,
      cell: (row) => (row.lastEndedAt === null ? '–' : <Ago at={row.lastEndedAt} />),
    },
  ];
}

/** The line of a backend: who waits, in which order, and in words why there. */
import { useMemo } from 'preact/hooks';
import type { BackendNow, NowView, WaitingRun } from '../../../protocol/console/now.ts';
import { absolute, duration } from '../../format/duration.ts';
import { counted, whole } from '../../format/quantity.ts';
import { Since } from '../../format/times.tsx';
import { Badge } from '../../parts/badge.tsx';
import { CutText } from '../../parts/full-text.tsx';
import { useNarrow } from '../../parts/narrow.ts';
import { Empty } from '../../parts/states.tsx';
import { type Column, VirtualTable } from '../../parts/virtual-table.tsx';
import { runPlace, screenPlace } from '../../places/places.ts';
import { useLine } from './use-line.ts';

export interface LinePartProps {
  readonly tenant: string;
  readonly view: NowView;
  /** The backend of the address. */
  readonly chosen: string | undefined;
}

export function LinePart({ tenant, view, chosen }: LinePartProps) {
  const { backends } = view;
  const longest = backends.reduce((most, b) => (b.waitingRuns > most.waitingRuns ? b : most));
  const shown = backends.find(({ backend }) => backend === chosen) ?? longest;
  return (
    <section class="card" aria-labelledby="line">
      <div class="card-head">
        <h2 id="line">The line</h2>
        {shown.oldestWaitingSince !== null && (
          <span class="faint">
            the oldest call waits for <Since at={shown.oldestWaitingSince} />
          </span>
        )}
      </div>
      {backends.length > 1 && (
        <nav class="tabs" aria-label="Backends">
          {backends.map(({ backend, waitingRuns }) => (
            <a
              key={backend}
              href={`${screenPlace(tenant, 'now')}?${new URLSearchParams({ backend })}`}
              aria-current={backend === shown.backend ? 'page' : undefined}
            >
              {backend} <span class="faint">{whole(waitingRuns)}</span>
            </a>
          ))}
        </nav>
      )}
      {shown.line.total === 0 ? (
        <Empty title="Nothing waits here">
          A call gets a slot at once while one is free; otherwise its run stands here.
        </Empty>
      ) : (
        <Rows key={shown.backend} tenant={tenant} backend={shown} />
      )}
    </section>
  );
}

function Rows({ tenant, backend }: { readonly tenant: string; readonly backend: BackendNow }) {
  const line = useLine(tenant, backend.backend, backend.line);
  const narrow = useNarrow();
  const columns = useMemo(() => columnsOf(tenant, narrow), [tenant, narrow]);
  const loaded = line.rows.length;
  return (
    <>
      <VirtualTable
        label={`Runs that wait for ${backend.backend}`}
        columns={columns}
        rows={line.rows}
        total={line.total}
        rowKey={(row) => row.run}
        rowPx={narrow ? 84 : 52}
        onEnd={line.more}
      />
      <div class="card-body now-foot faint">
        {line.isWhole
          ? counted(line.total, 'run')
          : `${whole(loaded)} of ${counted(line.total, 'run')} loaded; scroll for more.`}
        {line.pagedAt !== null && (
          <>
            {' '}
            The first {whole(backend.line.rows.length)} are live, the others of{' '}
            {absolute(line.pagedAt)}.{' '}
            <button type="button" class="button" data-kind="plain" onClick={line.renew}>
              Load them anew
            </button>
          </>
        )}
      </div>
    </>
  );
}

function Why({ row: { run, whyWords } }: { readonly row: WaitingRun }) {
  return (
    <span class="now-why">
      <CutText title={`Why ${run} stands there`} text={whyWords} lines={whyWords.split('; ')} />
    </span>
  );
}

function columnsOf(tenant: string, narrow: boolean): ReadonlyArray<Column<WaitingRun>> {
  return [
    { id: 'place', head: '#', track: '44px', align: 'end', cell: (row) => whole(row.position) },
    {
      id: 'run',
      head: 'Run',
      track: narrow ? 'minmax(0, 1fr)' : 'minmax(150px, 0.8fr)',
      cell: (row) => (
        <>
          <a class="row-link" href={runPlace(tenant, row.run)} title={`Run ${row.run}`}>
            {row.label ?? row.app} <span class="faint">›</span> {row.unitLabel ?? row.unit}
          </a>
          <span class="second mono" title={row.run}>
            {row.run}
          </span>
          {narrow && <Why row={row} />}
        </>
      ),
    },
    {
      id: 'why',
      head: 'Why there',
      track: 'minmax(0, 1.6fr)',
      wideOnly: true,
      cell: (row) => <Why row={row} />,
    },
    {
      id: 'calls',
      head: 'Calls',
      track: '56px',
      align: 'end',
      wideOnly: true,
      cell: (row) => (row.calls > 1 ? <Badge tone="blue">× {row.calls}</Badge> : '1'),
    },
    {
      id: 'rank',
      head: 'Rank',
      track: '72px',
      align: 'end',
      wideOnly: true,
      cell: (row) => duration(row.rankMs),
    },
    {
      id: 'bound',
      head: 'Bound',
      track: '76px',
      align: 'end',
      wideOnly: true,
      cell: (row) => (row.boundMs === null ? 'none' : duration(row.boundMs)),
    },
    {
      id: 'expected',
      head: 'Slot in',
      track: '84px',
      align: 'end',
      wideOnly: true,
      cell: (row) => duration(row.expectedWaitMs),
    },
    {
      id: 'waited',
      head: 'Waited',
      track: '84px',
      align: 'end',
      cell: (row) => <Since at={row.waitingSince} />,
    },
  ];
}

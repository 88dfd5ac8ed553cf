/** The runs with a call that holds a slot, the longest running first. */
import { useMemo } from 'preact/hooks';
import type { NowView, RunningRun } from '../../../protocol/console/now.ts';
import { now } from '../../format/clock.ts';
import { duration } from '../../format/duration.ts';
import { counted, whole } from '../../format/quantity.ts';
import { Since } from '../../format/times.tsx';
import { Meter } from '../../parts/figures.tsx';
import { Empty } from '../../parts/states.tsx';
import { type Column, VirtualTable } from '../../parts/virtual-table.tsx';
import { runPlace } from '../../places/places.ts';

export interface RunningPartProps {
  readonly tenant: string;
  readonly view: NowView;
}

export function RunningPart({ tenant, view }: RunningPartProps) {
  const columns = useMemo(() => columnsOf(tenant), [tenant]);
  return (
    <section class="card" aria-labelledby="running">
      <div class="card-head">
        <h2 id="running">Running</h2>
        <span class="faint">{counted(view.runningTotal, 'run')}</span>
      </div>
      {view.running.length === 0 ? (
        <Empty title="Nothing runs" />
      ) : (
        <VirtualTable
          label="Runs with a call that holds a slot"
          columns={columns}
          rows={view.running}
          total={view.runningTotal}
          rowKey={(row) => row.run}
          rowPx={52}
          mostPx={420}
        />
      )}
      {view.runningTotal > view.running.length && (
        <p class="card-body faint">The first {whole(view.running.length)} are shown.</p>
      )}
    </section>
  );
}

function columnsOf(tenant: string): ReadonlyArray<Column<RunningRun>> {
  return [
    {
      id: 'run',
      head: 'Run',
      track: 'minmax(0, 1.2fr)',
      cell: (row) => (
        <>
          <a class="row-link" href={runPlace(tenant, row.run)}>
            {row.label ?? row.app} <span class="faint">›</span> {unitsOf(row)}
          </a>
          <span class="second mono">{row.run}</span>
        </>
      ),
    },
    {
      id: 'where',
      head: 'Endpoint',
      track: 'minmax(0, 0.8fr)',
      wideOnly: true,
      cell: (row) => [...new Set(row.calls.map((call) => call.endpoint))].join(', '),
    },
    {
      id: 'calls',
      head: 'Calls',
      track: '56px',
      align: 'end',
      wideOnly: true,
      cell: (row) => whole(row.callsTotal),
    },
    {
      id: 'waited',
      head: 'Had waited',
      track: '88px',
      align: 'end',
      wideOnly: true,
      cell: (row) => duration(row.calls[0]?.waitedMs),
    },
    {
      id: 'progress',
      head: 'Of expected',
      track: 'minmax(96px, 0.6fr)',
      cell: (row) => <Progress run={row} />,
    },
    {
      id: 'running',
      head: 'Running',
      track: '84px',
      align: 'end',
      cell: (row) => <Since at={firstGrant(row)} />,
    },
  ];
}

/** How much of its expected time the call has had that runs longest. */
function Progress({ run }: { readonly run: RunningRun }) {
  const [call] = run.calls;
  if (!call) return null;
  const had = Math.max(0, now.value - call.grantedAt);
  return (
    <span title={`Expected to take ${duration(call.expectedMs)} from its slot on`}>
      <Meter share={call.expectedMs > 0 ? had / call.expectedMs : 1} />
      <span class="second">of {duration(call.expectedMs)}</span>
    </span>
  );
}

function firstGrant(run: RunningRun): number {
  return run.calls.reduce(
    (first, { grantedAt }) => Math.min(first, grantedAt),
    run.calls[0]?.grantedAt ?? run.arrivedAt,
  );
}

function unitsOf(run: RunningRun): string {
  return [...new Set(run.calls.map(({ unit }) => unit))].join(', ');
}

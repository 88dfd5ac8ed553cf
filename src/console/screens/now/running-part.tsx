/** The runs with a call that holds a slot, the longest running first. */
import { useMemo } from 'preact/hooks';
import type { NowView, RunningRun } from '../../../protocol/console/now.ts';
import { now } from '../../format/clock.ts';
import { absolute, duration, wholeSeconds } from '../../format/duration.ts';
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
          rowPx={view.running.some(hasSilent) ? 68 : 52}
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
          <Silence run={row} />
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

/** Says of a slot that is in use by nobody, as after a Worker was ended, when it is free again. */
function Silence({ run }: { readonly run: RunningRun }) {
  const silent = run.calls.flatMap((call) => call.silent ?? []);
  const [first] = silent;
  if (!first) return null;
  const freedAt = silent.reduce((last, s) => Math.max(last, s.freedAt), first.freedAt);
  return (
    <span class="second now-silent" title={`Nothing was heard since ${absolute(first.since)}`}>
      {counted(silent.length, 'call')} silent for <Since at={first.since} />; its slot is free in{' '}
      {wholeSeconds(freedAt - now.value)}
    </span>
  );
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

function hasSilent({ calls }: RunningRun): boolean {
  return calls.some(({ silent }) => silent !== undefined);
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

/** The attempts of a call: each slot that it was granted, and how that ended. */
import type { CallAttempt } from '../../../protocol/console/runs.ts';
import { duration } from '../../format/duration.ts';
import { whole } from '../../format/quantity.ts';
import { Ago } from '../../format/times.tsx';
import { type Column, VirtualTable } from '../../parts/virtual-table.tsx';

const COLUMNS: ReadonlyArray<Column<CallAttempt>> = [
  {
    id: 'endpoint',
    head: 'Endpoint',
    track: 'minmax(0, 1fr)',
    cell: (row) => (
      <>
        {row.endpoint}
        <span class="second">was {row.endpointState}</span>
      </>
    ),
  },
  {
    id: 'granted',
    head: 'Granted',
    track: '92px',
    align: 'end',
    cell: (row) => <Ago at={row.grantedAt} />,
  },
  {
    id: 'waited',
    head: 'Waited',
    track: '84px',
    align: 'end',
    cell: (row) => duration(row.waitedMs),
  },
  {
    id: 'cold',
    head: 'Cold',
    track: '76px',
    align: 'end',
    wideOnly: true,
    cell: (row) => duration(row.coldMs),
  },
  {
    id: 'held',
    head: 'Held',
    track: '76px',
    align: 'end',
    wideOnly: true,
    cell: (row) => duration(row.heldMs),
  },
  {
    id: 'prefix',
    head: 'Cached tokens',
    track: '110px',
    align: 'end',
    wideOnly: true,
    cell: (row) => whole(row.prefixTokens),
  },
  {
    id: 'rank',
    head: 'Rank',
    track: '84px',
    align: 'end',
    wideOnly: true,
    cell: (row) => duration(row.rankMs),
  },
  {
    id: 'ended',
    head: 'Ended',
    track: '110px',
    align: 'end',
    cell: (row) => row.ended?.how ?? 'runs',
  },
];

export function Attempts({ attempts }: { readonly attempts: readonly CallAttempt[] }) {
  if (attempts.length === 0) return null;
  return (
    <section class="card" aria-labelledby="attempts">
      <div class="card-head">
        <h2 id="attempts">Attempts</h2>
      </div>
      <VirtualTable
        label="Attempts"
        columns={COLUMNS}
        rows={attempts}
        rowKey={(row) => `${row.grantedAt} ${row.endpoint}`}
        rowPx={48}
      />
    </section>
  );
}

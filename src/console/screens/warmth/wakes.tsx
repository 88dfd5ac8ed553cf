/** Each wake, ping and release of a backend, the newest first: reason, price and outcome. */
import { useMemo } from 'preact/hooks';
import type { BackendWarmth, WakeShown } from '../../../protocol/console/warmth.ts';
import { duration } from '../../format/duration.ts';
import { counted, money, percent } from '../../format/quantity.ts';
import { Ago } from '../../format/times.tsx';
import { Badge, type Tone } from '../../parts/badge.tsx';
import { CutText } from '../../parts/full-text.tsx';
import { useNarrow } from '../../parts/narrow.ts';
import { Empty } from '../../parts/states.tsx';
import { type Column, VirtualTable } from '../../parts/virtual-table.tsx';
import { causeWords, reasonWords } from './reason-words.ts';

interface Row extends WakeShown {
  readonly endpoint: string;
}

const TONES: Readonly<Partial<Record<WakeShown['outcome'], Tone>>> = {
  used: 'good',
  late: 'amber',
  wasted: 'bad',
  failed: 'bad',
  pending: 'blue',
};

export interface WakesProps {
  readonly backend: BackendWarmth;
}

export function Wakes({ backend }: WakesProps) {
  const rows = useMemo(
    () =>
      backend.endpoints
        .flatMap(({ endpoint, wakes }) => wakes.map((wake) => ({ ...wake, endpoint })))
        .sort((a, b) => b.at - a.at),
    [backend],
  );
  const narrow = useNarrow();
  const columns = useMemo(() => columnsOf(narrow), [narrow]);
  return (
    <>
      <div class="card-head">
        <h3>Wakes and pings</h3>
        <span class="faint">{counted(rows.length, 'row')}</span>
      </div>
      {rows.length === 0 ? (
        <Empty title="Nothing was woken yet" />
      ) : (
        <VirtualTable
          label={`Wakes of ${backend.backend}`}
          columns={columns}
          rows={rows}
          rowKey={(row) => `${row.at} ${row.endpoint} ${row.cause}`}
          rowPx={narrow ? 64 : 40}
          mostPx={320}
        />
      )}
    </>
  );
}

function Why({ row: { cause, reason } }: { readonly row: Row }) {
  const words = reasonWords(reason);
  const [title, lines] = [causeWords(cause), words === '' ? [] : words.split(', ')];
  return (
    <span class="wake-why">
      <CutText
        title={`Why: ${title}`}
        text={words === '' ? title : `${title} · ${words}`}
        lines={lines.length > 0 ? lines : [title]}
      />
    </span>
  );
}

function columnsOf(narrow: boolean): ReadonlyArray<Column<Row>> {
  return [
    {
      id: 'at',
      head: 'When',
      track: narrow ? '76px' : '92px',
      cell: (row) => <Ago at={row.at} />,
    },
    {
      id: 'why',
      head: 'Why',
      track: 'minmax(0, 2fr)',
      cell: (row) => (
        <>
          <Why row={row} />
          {narrow && <span class="second">{row.endpoint}</span>}
        </>
      ),
    },
    {
      id: 'endpoint',
      head: 'Endpoint',
      track: 'minmax(0, 0.8fr)',
      wideOnly: true,
      cell: (row) => row.endpoint,
    },
    {
      id: 'probability',
      head: 'Forecast',
      track: '76px',
      align: 'end',
      wideOnly: true,
      cell: (row) => percent(row.probability),
    },
    {
      id: 'outcome',
      head: 'Outcome',
      track: '104px',
      cell: (row) => <Badge tone={TONES[row.outcome] ?? 'plain'}>{row.outcome}</Badge>,
    },
    {
      id: 'warm',
      head: 'Paid for',
      track: '92px',
      align: 'end',
      wideOnly: true,
      cell: (row) => duration(row.warmMs),
    },
    {
      id: 'money',
      head: 'Price',
      track: narrow ? '56px' : '76px',
      align: 'end',
      cell: (row) => money(row.money),
    },
  ];
}

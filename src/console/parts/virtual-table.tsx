/**
 * A table of any length: only the rows in sight are in the page. Rows have one height. The arrow
 * keys, Home and End move between the links of the rows.
 */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { useNarrow } from './narrow.ts';
import { useVirtualRows } from './virtual-rows.ts';

export interface Column<Row> {
  readonly id: string;
  readonly head: string;
  /** A track of a CSS grid, such as `80px` or `minmax(0, 1fr)`. */
  readonly track: string;
  readonly align?: 'start' | 'end';
  /** Left out where the page is narrow. */
  readonly wideOnly?: boolean;
  readonly cell: (row: Row) => ComponentChildren;
}

export interface VirtualTableProps<Row> {
  /** Says what the rows are. */
  readonly label: string;
  readonly columns: ReadonlyArray<Column<Row>>;
  readonly rows: readonly Row[];
  /** Rows there are in all, where not all are loaded. */
  readonly total?: number;
  readonly rowKey: (row: Row) => string;
  readonly rowPx?: number;
  /** Height of the table's body at most, px. */
  readonly mostPx?: number;
  /** Called when the end of the loaded rows is near. */
  readonly onEnd?: () => void;
}

/** Rows before the end at which more are asked for. */
const NEAR_END = 30;

export function VirtualTable<Row>(props: VirtualTableProps<Row>) {
  const { label, rows, rowKey, rowPx = 40, mostPx = 520, onEnd, total = rows.length } = props;
  const narrow = useNarrow();
  const columns = props.columns.filter((column) => !(narrow && column.wideOnly));
  const body = useRef<HTMLDivElement>(null);
  const heightPx = Math.min(mostPx, rows.length * rowPx);
  const virtual = useVirtualRows({ count: rows.length, rowPx, heightPx }, body);
  const shown = rows.slice(virtual.first, virtual.end);
  const tracks = { '--columns': columns.map((column) => column.track).join(' ') };

  useEffect(() => {
    if (onEnd && virtual.end > rows.length - NEAR_END) onEnd();
  }, [onEnd, virtual.end, rows.length]);

  const move = (event: KeyboardEvent) => {
    const to = targetOf(event, rows.length);
    if (to === null) return;
    event.preventDefault();
    virtual.scrollTo(to);
    requestAnimationFrame(() => {
      const link = `[data-index="${to}"] a.row-link`;
      body.current?.querySelector<HTMLElement>(link)?.focus({ preventScroll: true });
    });
  };

  return (
    <div class="table" role="table" aria-label={label} aria-rowcount={total + 1} style={tracks}>
      <div role="rowgroup">
        <div class="table-head" role="row" aria-rowindex={1}>
          {columns.map(({ id, head, align }) => (
            <div key={id} role="columnheader" data-align={align}>
              {head}
            </div>
          ))}
        </div>
      </div>
      <div
        class="table-body"
        role="rowgroup"
        ref={body}
        // It scrolls, so the keyboard must reach it also where rows have no links.
        tabIndex={0}
        style={{ height: `${heightPx}px` }}
        onKeyDown={move}
      >
        <div class="table-space" role="presentation" style={{ height: `${rows.length * rowPx}px` }}>
          {shown.map((row, i) => {
            const index = virtual.first + i;
            return (
              <div
                key={rowKey(row)}
                class="table-row"
                role="row"
                aria-rowindex={index + 2}
                data-index={index}
                style={{ height: `${rowPx}px`, transform: `translateY(${index * rowPx}px)` }}
              >
                {columns.map(({ id, align, cell }) => (
                  <div key={id} role="cell" data-align={align}>
                    {cell(row)}
                  </div>
                ))}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

/** The row that a key leads to from the row with the focus; null for other keys. */
function targetOf(event: KeyboardEvent, count: number): number | null {
  const row = event.target instanceof Element ? event.target.closest('[data-index]') : null;
  if (!row || count === 0) return null;
  const index = Number(row.getAttribute('data-index'));
  switch (event.key) {
    case 'ArrowDown':
      return Math.min(count - 1, index + 1);
    case 'ArrowUp':
      return Math.max(0, index - 1);
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    default:
      return null;
  }
}

/**
 * The rows of a long list that are in sight: TanStack's virtualizer as a hook. Its code comes after the
 * page's, and only for lists that need it: all rows have one height, so the first drawing is the first
 * rows, without anything being measured.
 */
import type { Virtualizer } from '@tanstack/virtual-core';
import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks';

type Library = typeof import('@tanstack/virtual-core');
type Rows = Virtualizer<HTMLElement, HTMLElement>;

/** Rows beyond each edge that are drawn before they are scrolled to. */
const OVERSCAN = 8;

let library: Library | undefined;

export interface VirtualRows {
  /** The rows to draw: from `first` on, before `end`. */
  readonly first: number;
  readonly end: number;
  scrollTo(index: number): void;
}

export interface RowsInSight {
  readonly count: number;
  readonly rowPx: number;
  /** Height of what scrolls. */
  readonly heightPx: number;
}

export function useVirtualRows(
  sight: RowsInSight,
  body: RefObject<HTMLElement | null>,
): VirtualRows {
  const { count, rowPx, heightPx } = sight;
  const [, redraw] = useReducer<number, void>((n) => n + 1, 0);
  const draw = () => redraw();
  const atFirst = Math.min(count, Math.ceil(heightPx / rowPx) + OVERSCAN);
  const isLong = count > atFirst;
  useEffect(() => {
    // Where it does not come, the next change of the list asks for it again.
    if (isLong && !library) loaded().then(draw, () => {});
  }, [isLong, count]);
  const virtualizer = useVirtualizer(isLong ? library : undefined, sight, body, draw);
  const items = virtualizer?.getVirtualItems() ?? [];
  const [top, bottom] = [items[0], items.at(-1)];
  return {
    first: top?.index ?? 0,
    end: bottom ? Math.min(count, bottom.index + 1) : atFirst,
    scrollTo: (index) => virtualizer?.scrollToIndex(index, { align: 'auto' }),
  };
}

async function loaded(): Promise<void> {
  library ??= await import('@tanstack/virtual-core');
}

/** Undefined without the library. */
function useVirtualizer(
  from: Library | undefined,
  { count, rowPx, heightPx }: RowsInSight,
  body: RefObject<HTMLElement | null>,
  draw: () => void,
): Rows | undefined {
  const kept = useRef<Rows | undefined>(undefined);
  const options = from && {
    count,
    estimateSize: () => rowPx,
    getScrollElement: () => body.current,
    scrollToFn: from.elementScroll,
    observeElementRect: from.observeElementRect,
    observeElementOffset: from.observeElementOffset,
    initialRect: { width: 0, height: heightPx },
    initialOffset: () => body.current?.scrollTop ?? 0,
    overscan: OVERSCAN,
    onChange: draw,
  };
  if (from && options) kept.current ??= new from.Virtualizer(options);
  const virtualizer = from && kept.current;
  if (options) virtualizer?.setOptions(options);
  useLayoutEffect(() => virtualizer?._didMount(), [virtualizer]);
  useLayoutEffect(() => virtualizer?._willUpdate());
  // What was measured of rows of another height, as before the window became narrow, is not true.
  const [measured] = useState({ rowPx });
  useLayoutEffect(() => {
    if (measured.rowPx !== rowPx) virtualizer?.measure();
    measured.rowPx = rowPx;
  }, [virtualizer, measured, rowPx]);
  return virtualizer;
}

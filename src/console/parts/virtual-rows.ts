/** The rows of a long list that are in sight: TanStack's virtualizer as a hook. */
import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  type VirtualItem,
  Virtualizer,
} from '@tanstack/virtual-core';
import type { RefObject } from 'preact';
import { useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks';

/** Rows beyond each edge that are drawn before they are scrolled to. */
const OVERSCAN = 8;

export interface VirtualRows {
  readonly rows: readonly VirtualItem[];
  readonly totalPx: number;
  scrollTo(index: number): void;
}

export function useVirtualRows(
  count: number,
  rowPx: number,
  body: RefObject<HTMLElement | null>,
): VirtualRows {
  const [, draw] = useReducer<number, void>((n) => n + 1, 0);
  const options = {
    count,
    estimateSize: () => rowPx,
    getScrollElement: () => body.current,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    overscan: OVERSCAN,
    onChange: () => draw(),
  };
  const [virtualizer] = useState(() => new Virtualizer<HTMLElement, HTMLElement>(options));
  virtualizer.setOptions(options);
  useLayoutEffect(() => virtualizer._didMount(), [virtualizer]);
  useLayoutEffect(() => virtualizer._willUpdate());
  // What was measured of rows of another height, as before the window became narrow, is not true.
  const measured = useRef(rowPx);
  useLayoutEffect(() => {
    if (measured.current !== rowPx) virtualizer.measure();
    measured.current = rowPx;
  }, [virtualizer, rowPx]);
  return {
    rows: virtualizer.getVirtualItems(),
    totalPx: virtualizer.getTotalSize(),
    scrollTo: (index) => virtualizer.scrollToIndex(index, { align: 'auto' }),
  };
}

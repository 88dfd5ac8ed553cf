/**
 * The rows of a long list that are in sight. All have one height, and the height of what scrolls is
 * known, so nothing is measured: the first drawing has its rows already.
 */
import type { RefObject } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

/** Rows beyond each edge that are drawn before they are scrolled to. */
const OVERSCAN = 8;

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
  { count, rowPx, heightPx }: RowsInSight,
  body: RefObject<HTMLElement | null>,
): VirtualRows {
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const element = body.current;
    // A drawing for each row that comes into sight, not for each pixel.
    const follow = () => setTop(Math.floor((element?.scrollTop ?? 0) / rowPx));
    element?.addEventListener('scroll', follow, { passive: true });
    return () => element?.removeEventListener('scroll', follow);
  }, [body, rowPx]);
  const drawnPx = useRef(rowPx);
  useLayoutEffect(() => {
    // Only then: whoever asks a new element where it is scrolled to makes the browser lay it out first.
    if (drawnPx.current !== rowPx) setTop(Math.floor((body.current?.scrollTop ?? 0) / rowPx));
    drawnPx.current = rowPx;
  }, [body, rowPx]);
  const scrollTo = (index: number) => {
    const element = body.current;
    if (!element) return;
    const [start, end] = [index * rowPx, (index + 1) * rowPx];
    if (start < element.scrollTop) element.scrollTop = start;
    else if (end > element.scrollTop + heightPx) element.scrollTop = end - heightPx;
    setTop(Math.floor(element.scrollTop / rowPx));
  };
  return { ...rowsInSight(top, { count, rowPx, heightPx }), scrollTo };
}

/** `top`: the first row that is in sight, of a list that may have become shorter since. */
export function rowsInSight(
  top: number,
  { count, rowPx, heightPx }: RowsInSight,
): { readonly first: number; readonly end: number } {
  const seen = Math.ceil(heightPx / rowPx) + 1;
  const from = Math.max(0, Math.min(top, count - seen));
  return { first: Math.max(0, from - OVERSCAN), end: Math.min(count, from + seen + OVERSCAN) };
}

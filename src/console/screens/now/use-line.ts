/**
 * The rows of a backend's line: the beginning comes live, what is further down is asked for when it
 * is scrolled to. The line moves meanwhile, so a run that is met twice is drawn once, where it was
 * told last.
 */
import { useCallback, useMemo, useRef, useState } from 'preact/hooks';
import type { LinePage, WaitingRun } from '../../../protocol/console/now.ts';
import { withoutDoubles } from '../../ask/pages.ts';
import { tenantPath } from '../../ask/tenant-path.ts';
import { askAs } from '../../session/session.ts';

export interface Line {
  readonly rows: readonly WaitingRun[];
  readonly total: number;
  /** Its last page is loaded. Runs that moved up between two pages may still be missing. */
  readonly isWhole: boolean;
  /** When the rows beyond the live ones came; null without any. */
  readonly pagedAt: number | null;
  more(): void;
  /** Forgets the rows beyond the live ones, so that they are asked for anew. */
  renew(): void;
}

interface Paged {
  readonly rows: readonly WaitingRun[];
  readonly after: string | undefined;
  readonly at: number | null;
}

const NONE: Paged = { rows: [], after: undefined, at: null };

/** Of one tenant and backend as long as it lives: give what uses it a key. */
export function useLine(tenant: string, backend: string, first: LinePage): Line {
  const [paged, setPaged] = useState<Paged>(NONE);
  /** The page that is on its way; a renewal has nothing to do with it any more. */
  const asked = useRef<object | null>(null);

  const next = paged.at === null ? first.after : paged.after;
  const more = useCallback(() => {
    if (next === undefined || asked.current) return;
    const own = {};
    asked.current = own;
    const query = new URLSearchParams({ backend, after: next });
    void askAs<LinePage>(`${tenantPath(tenant, 'line')}?${query}`).then((answer) => {
      if (asked.current !== own) return;
      asked.current = null;
      if (!answer.ok) return;
      const { rows, after } = answer.value;
      setPaged((before) => ({
        // Each page is compared once, and not all of them with each word of the stream.
        rows: withoutDoubles([...before.rows, ...rows], ({ run }) => run),
        after,
        at: Date.now(),
      }));
    });
  }, [tenant, backend, next]);
  const renew = useCallback(() => {
    asked.current = null;
    setPaged(NONE);
  }, []);
  const rows = useMemo(() => joined(first.rows, paged.rows), [first.rows, paged.rows]);
  return {
    rows,
    total: first.total,
    isWhole: next === undefined,
    pagedAt: paged.at,
    more,
    renew,
  };
}

/** The live rows, then the others, each once, without those that are live now. */
export function joined(
  live: readonly WaitingRun[],
  others: readonly WaitingRun[],
): readonly WaitingRun[] {
  if (others.length === 0) return live;
  const present = new Set(live.map(({ run }) => run));
  return [...live, ...others.filter(({ run }) => !present.has(run))];
}

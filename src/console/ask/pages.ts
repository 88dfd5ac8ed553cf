/**
 * A list that comes in pages: the first page is asked for anew when something changes, the others
 * as they are scrolled to. A row that is met on two pages is kept once, as it was told first.
 */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { StreamTopic } from '../../protocol/console/stream.ts';
import { askAs } from '../session/session.ts';
import { type Resource, useResource } from './resource.ts';

export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly after?: string;
}

export interface Pages<Row, First extends Page<Row>> {
  readonly first: Resource<First>;
  readonly rows: readonly Row[];
  readonly isWhole: boolean;
  more(): void;
}

interface Later<Row> {
  readonly of: string;
  readonly rows: readonly Row[];
  readonly after: string | undefined;
}

/** `path` may have a query already. */
export function usePages<Row, First extends Page<Row>>(
  path: string,
  keyOf: (row: Row) => string,
  topic?: StreamTopic,
): Pages<Row, First> {
  const first = useResource<First>(path, topic);
  const [later, setLater] = useState<Later<Row> | null>(null);
  const busy = useRef(false);
  const present = useRef(path);
  present.current = path;
  const current = later?.of === path ? later : null;
  useEffect(() => {
    busy.current = false;
    setLater(null);
  }, [path]);

  const next = current === null ? first.value?.after : current.after;
  const more = useCallback(() => {
    if (next === undefined || busy.current) return;
    busy.current = true;
    const sign = path.includes('?') ? '&' : '?';
    void askAs<Page<Row>>(`${path}${sign}after=${encodeURIComponent(next)}`).then((answer) => {
      if (present.current !== path) return;
      busy.current = false;
      if (!answer.ok) return;
      const { rows, after } = answer.value;
      setLater((before) => ({
        of: path,
        rows: [...(before?.of === path ? before.rows : []), ...rows],
        after,
      }));
    });
  }, [path, next]);

  const rows = withoutDoubles([...(first.value?.rows ?? []), ...(current?.rows ?? [])], keyOf);
  return { first, rows, isWhole: next === undefined, more };
}

export function withoutDoubles<Row>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
): readonly Row[] {
  const seen = new Set<string>();
  return rows.filter((row) => {
    const key = keyOf(row);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

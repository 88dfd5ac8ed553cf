/** Runs that go on from unit to unit, as dots that follow the edge once. Still for reduced motion. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { LiveInUnit } from '../../../protocol/console/applications.ts';
import { BEGIN, END, type PlacedGraph } from './graph-layout.ts';
import { movesBetween } from './moves.ts';

const MOVE_MS = 900;
/** Dots that are drawn at once. */
const MOST = 24;

interface Mover {
  readonly id: number;
  readonly path: string;
}

export interface MoversProps {
  readonly placed: PlacedGraph;
  readonly live: readonly LiveInUnit[];
}

export function Movers({ placed, live }: MoversProps) {
  const before = useRef(live);
  const last = useRef(0);
  const [movers, setMovers] = useState<readonly Mover[]>([]);
  useEffect(() => {
    const earlier = before.current;
    before.current = live;
    if (earlier === live || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    const names = new Map(placed.nodes.map(({ id, unit }) => [id, unit?.unit ?? null]));
    const edges = placed.edges.map(({ from, to, probability }) => ({
      from: from === BEGIN ? null : (names.get(from) ?? null),
      to: to === END ? null : (names.get(to) ?? null),
      probability,
    }));
    const fresh = [...movesBetween(earlier, live, edges)].flatMap(([i, count]) =>
      Array.from({ length: count }, () => {
        last.current += 1;
        return { id: last.current, path: placed.edges[i]?.path ?? '' };
      }),
    );
    if (fresh.length === 0) return;
    setMovers(fresh.slice(0, MOST));
    const timer = setTimeout(() => setMovers([]), MOVE_MS);
    return () => clearTimeout(timer);
  }, [live, placed]);
  return (
    <>
      {movers.map(({ id, path }) => (
        <circle key={id} r={5} class="graph-mover" style={{ offsetPath: `path("${path}")` }} />
      ))}
    </>
  );
}

/**
 * Which runs went on between two looks at an application: where a unit lost runs and one that comes
 * after it won some, as many went along the edge between them. Likelier edges are served first.
 */
import type { LiveInUnit } from '../../../protocol/console/applications.ts';

export interface MoveEdge {
  readonly from: string | null;
  readonly to: string | null;
  readonly probability: number;
}

/** Counts of runs by the index of the edge that they took. */
export function movesBetween(
  before: readonly LiveInUnit[],
  after: readonly LiveInUnit[],
  edges: readonly MoveEdge[],
): Map<number, number> {
  const change = new Map<string, number>();
  for (const live of before) change.set(live.unit, -countOf(live));
  for (const live of after) change.set(live.unit, (change.get(live.unit) ?? 0) + countOf(live));
  const moves = new Map<number, number>();
  for (const [i, { from, to }] of served(edges)) {
    // Any number may have come from outside, or have ended.
    const lost = from === null ? Number.POSITIVE_INFINITY : -(change.get(from) ?? 0);
    const won = to === null ? Number.POSITIVE_INFINITY : (change.get(to) ?? 0);
    const count = Math.min(lost, won);
    if (!Number.isFinite(count) || count <= 0) continue;
    moves.set(i, count);
    if (from !== null) change.set(from, (change.get(from) ?? 0) + count);
    if (to !== null) change.set(to, (change.get(to) ?? 0) - count);
  }
  return moves;
}

/** Edges between units first, since what is left came from outside or ended; then by probability. */
function served(edges: readonly MoveEdge[]): Array<[number, MoveEdge]> {
  const isOuter = ({ from, to }: MoveEdge) => Number(from === null || to === null);
  return [...edges.entries()].sort(
    ([, a], [, b]) => isOuter(a) - isOuter(b) || b.probability - a.probability,
  );
}

function countOf({ waiting, running, between }: LiveInUnit): number {
  return waiting + running + between;
}

/**
 * Compares frontiers at the same warm time. A mix of two settings of a rule, each for a part of the
 * time, lies on the line between their points, so a frontier is the lower hull of its points.
 * Waking on demand, at (1, 1), is a setting of every rule.
 */
import type { Frontier, FrontierPoint, RuleName } from './frontier.ts';

type Point = Pick<FrontierPoint, 'warmShare' | 'coldWaitShare'>;

const ON_DEMAND: Point = { warmShare: 1, coldWaitShare: 1 };

/**
 * The least cold wait of a rule at a warm time; undefined below the least warm time of its
 * settings.
 */
export function coldWaitAt(points: readonly Point[], warmShare: number): number | undefined {
  const hull = lowerHull([...points, ON_DEMAND]);
  let before: Point | undefined;
  for (const point of hull) {
    if (point.warmShare >= warmShare) {
      if (!before) return point.warmShare === warmShare ? point.coldWaitShare : undefined;
      const along = (warmShare - before.warmShare) / (point.warmShare - before.warmShare);
      return before.coldWaitShare + along * (point.coldWaitShare - before.coldWaitShare);
    }
    before = point;
  }
  return before?.coldWaitShare;
}

/**
 * Talaria's cold wait minus another rule's at the same warm time, in shares of waking on demand:
 * negative if Talaria is better, infinite if Talaria has no setting with so little warm time.
 * Undefined if the other rule has none.
 */
export function excessOver(
  frontier: Frontier,
  other: RuleName,
  warmShare: number,
): number | undefined {
  const own = coldWaitAt(frontier.curves.get('talaria') ?? [], warmShare) ?? Infinity;
  const theirs = coldWaitAt(frontier.curves.get(other) ?? [], warmShare);
  return theirs === undefined ? undefined : own - theirs;
}

/** The lower left hull of the points, by ascending warm time and descending cold wait. */
function lowerHull(points: readonly Point[]): Point[] {
  const hull: Point[] = [];
  const inOrder = [...points].sort(
    (a, b) => a.warmShare - b.warmShare || a.coldWaitShare - b.coldWaitShare,
  );
  for (const point of inOrder) {
    if (point.coldWaitShare >= (hull.at(-1)?.coldWaitShare ?? Infinity)) continue;
    for (let [a, b] = [hull.at(-2), hull.at(-1)]; a && b && isAbove(b, a, point); ) {
      hull.pop();
      [a, b] = [hull.at(-2), hull.at(-1)];
    }
    hull.push(point);
  }
  return hull;
}

/** True if `b` lies on or above the line from `a` to `c`. */
function isAbove(b: Point, a: Point, c: Point): boolean {
  const along = (b.warmShare - a.warmShare) / (c.warmShare - a.warmShare);
  return b.coldWaitShare >= a.coldWaitShare + along * (c.coldWaitShare - a.coldWaitShare);
}

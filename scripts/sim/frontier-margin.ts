/**
 * Frontiers compared at the same warm time. Between two settings of a rule lies what comes of using
 * the one for a part of the time and the other for the rest, so a frontier is the lower hull of its
 * points; waking on demand, at (1, 1), is a setting of every rule.
 */
import type { Frontier, FrontierPoint, RuleName } from './frontier.ts';

type Point = Pick<FrontierPoint, 'warmShare' | 'coldWaitShare'>;

const ON_DEMAND: Point = { warmShare: 1, coldWaitShare: 1 };

/** The least wait for cold starts that a rule has for a warm time; undefined below its least. */
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
 * How much more wait Talaria has than another rule at a warm time, in shares of waking on demand;
 * negative where it is better, infinite where it cannot be had for so little. Undefined where the
 * other rule cannot.
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

/** The points on the lower left, by ascending warm time and descending wait. */
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

/** True where `b` lies on or above the line from `a` to `c`. */
function isAbove(b: Point, a: Point, c: Point): boolean {
  const along = (b.warmShare - a.warmShare) / (c.warmShare - a.warmShare);
  return b.coldWaitShare >= a.coldWaitShare + along * (c.coldWaitShare - a.coldWaitShare);
}

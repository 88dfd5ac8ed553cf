/**
 * The Gittins rank at the boundary between units. Calls do not pre-empt, so decisions fall between
 * units only, and of the unit in progress the exact index needs no more than its mean:
 *
 *   V_end(r) = r,   V_s(r) = max(0, -c_s + sum_b p_sb V_b(r)),
 *   rank(s) = min { r : -c_s + sum_b p_sb V_b(r) >= 0 }.
 *
 * Solved by Dinkelbach steps: from an r that is large enough, the best stopping rule for r gives the
 * ratio cost / P(end), the next r; it falls to the fixed point in a few steps. Every r is the ratio
 * of a rule that can be followed, so where loops stop the sweeps short it errs upwards only.
 */

export interface UnitState {
  /** Mean cost of one visit, ms, 0 or more. */
  readonly costMs: number;
  readonly next: ReadonlyArray<{ readonly to: number; readonly probability: number }>;
  /** Probability that the run ends with this visit. */
  readonly endProbability: number;
}

const MAX_STEPS = 30;
const MAX_SWEEPS = 200;
/** Also the least probability that is told from the rounding of a sum of probabilities. */
const TOLERANCE = 1e-9;
const LEAST_RANK = 1e-9;

/** Cost until the rule stops, and the probability that the run has ended by then. */
interface Prospect {
  readonly costMs: number;
  readonly end: number;
}

/**
 * Rank of a run that is about to visit `start`, in ms; `firstCostMs` is what is known of that visit
 * instead of its mean, and counts once where a loop comes back to `start`. Finite and positive; a
 * start from which no end can be reached ranks as if it ended with its first visit.
 */
export function unitRank(
  states: readonly UnitState[],
  start: number,
  firstCostMs = states[start]?.costMs ?? 0,
): number {
  const order = childrenFirst(states, start);
  const reaching = reachingEnd(states, order);
  if (!reaching.has(start)) return Math.max(LEAST_RANK, firstCostMs);
  // Going on as long as an end can be reached: no better rule asks for a larger rank.
  const all = prospectOf(states, order, start, firstCostMs, (s) => reaching.has(s));
  let rank = all.costMs / Math.max(all.end, TOLERANCE);
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const values = valuesAt(states, order, rank);
    const rule = prospectOf(states, order, start, firstCostMs, (s) => (values[s] ?? 0) > 0);
    // Where the first visit is free, a rule that gives up right after it has no ratio to compare.
    if (rule.end <= TOLERANCE) break;
    const next = rule.costMs / rule.end;
    if (!(next < rank * (1 - TOLERANCE))) break;
    rank = next;
  }
  return Math.max(LEAST_RANK, rank);
}

/** The states that can be reached, each after those it leads to: without loops one sweep will do. */
function childrenFirst(states: readonly UnitState[], start: number): number[] {
  const order: number[] = [];
  const seen = new Set([start]);
  const path = [{ state: start, branch: 0 }];
  for (let top = path.at(-1); top; top = path.at(-1)) {
    const branch = states[top.state]?.next[top.branch];
    top.branch += 1;
    if (!branch) {
      order.push(top.state);
      path.pop();
    } else if (branch.probability > 0 && !seen.has(branch.to)) {
      seen.add(branch.to);
      path.push({ state: branch.to, branch: 0 });
    }
  }
  return order;
}

/** The states from which the end can be reached. */
function reachingEnd(states: readonly UnitState[], order: readonly number[]): Set<number> {
  const reaching = new Set(order.filter((s) => endOf(states[s]) > 0));
  for (let before = -1; before < reaching.size; ) {
    before = reaching.size;
    for (const s of order) {
      if (states[s]?.next.some((b) => b.probability > 0 && reaching.has(b.to))) reaching.add(s);
    }
  }
  return reaching;
}

/** Value of going on from each state when finishing is worth `reward`. */
function valuesAt(
  states: readonly UnitState[],
  order: readonly number[],
  reward: number,
): Float64Array {
  // From below: from above, a loop that never ends loses its value only one visit per sweep.
  return iterate(states, order, (s, values) =>
    Math.max(0, endOf(states[s]) * reward - (states[s]?.costMs ?? 0) + expected(states[s], values)),
  );
}

/** What comes of a rule that goes on in some states and gives up in the others. */
function prospectOf(
  states: readonly UnitState[],
  order: readonly number[],
  start: number,
  firstCostMs: number,
  goesOn: (state: number) => boolean,
): Prospect {
  const end = iterate(states, order, (s, ends) =>
    goesOn(s) ? endOf(states[s]) + expected(states[s], ends) : 0,
  );
  const cost = iterate(states, order, (s, costs) =>
    goesOn(s) ? (states[s]?.costMs ?? 0) + expected(states[s], costs) : 0,
  );
  return {
    costMs: firstCostMs + expected(states[start], cost),
    end: Math.min(1, endOf(states[start]) + expected(states[start], end)),
  };
}

function expected(state: UnitState | undefined, of: Float64Array): number {
  return state?.next.reduce((sum, b) => sum + b.probability * (of[b.to] ?? 0), 0) ?? 0;
}

/** Probability that is missing among the transitions counts as the end. */
function endOf(state: UnitState | undefined): number {
  if (!state) return 1;
  const missing = 1 - state.next.reduce((sum, b) => sum + b.probability, 0);
  return Math.max(state.endProbability, missing > TOLERANCE ? missing : 0, 0);
}

/** Sweeps a map over the states, from 0, until nothing moves; loops need more than one sweep. */
function iterate(
  states: readonly UnitState[],
  order: readonly number[],
  map: (state: number, values: Float64Array) => number,
): Float64Array {
  const values = new Float64Array(states.length);
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep += 1) {
    let moved = 0;
    for (const s of order) {
      const value = map(s, values);
      moved = Math.max(moved, Math.abs(value - (values[s] ?? 0)));
      values[s] = value;
    }
    if (moved <= TOLERANCE) break;
  }
  return values;
}

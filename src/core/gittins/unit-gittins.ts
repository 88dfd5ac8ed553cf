/**
 * The Gittins rank at the boundary between units, on the graph of units (PDGraph); the rank by
 * samples is in gittins.ts. Calls do not pre-empt, so decisions fall between units only, and of the
 * unit in progress the exact index needs only the mean:
 *
 *   V_end(r) = r,   V_s(r) = max(0, -c_s + sum_b p_sb V_b(r)),
 *   rank(s) = min { r : -c_s + sum_b p_sb V_b(r) >= 0 }.
 *
 * Solved by Dinkelbach steps: from an r that is large enough, the best stopping rule for r gives
 * the ratio cost / P(end), the next r; it falls to the fixed point in a few steps. Every r is the
 * ratio of a feasible rule, so where loops exhaust the sweeps the result errs upwards only.
 */

/** A state of the graph: a unit with the transitions from it. */
export interface UnitState {
  /** Mean cost of one visit, ms, 0 or more. */
  readonly costMs: number;
  /** Transitions; `to` is an index into the states. */
  readonly next: ReadonlyArray<{ readonly to: number; readonly probability: number }>;
  /** Probability that the run ends with this visit. */
  readonly endProbability: number;
}

const MAX_STEPS = 30;
const MAX_SWEEPS = 200;
/** Also the least probability that differs from the rounding error of a sum of probabilities. */
const TOLERANCE = 1e-9;
const LEAST_RANK = 1e-9;

/** Mean cost until a rule stops, and the probability that the run has ended by then. */
interface Prospect {
  readonly costMs: number;
  readonly end: number;
}

/**
 * Rank, in ms, of a run that is about to visit `start`; finite and positive. `firstCostMs` replaces
 * the mean cost of that first visit, but not of later visits where a loop returns to `start`. A
 * start from which no end can be reached ranks as if the run ended with its first visit.
 */
export function unitRank(
  states: readonly UnitState[],
  start: number,
  firstCostMs = states[start]?.costMs ?? 0,
): number {
  const order = childrenFirst(states, start);
  const reaching = reachingEnd(states, order);
  if (!reaching.has(start)) return Math.max(LEAST_RANK, firstCostMs);
  // The rule that continues while an end can be reached: its ratio is an upper bound of the rank.
  const all = prospectOf(states, order, start, firstCostMs, (s) => reaching.has(s));
  let rank = all.costMs / Math.max(all.end, TOLERANCE);
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const values = valuesAt(states, order, rank);
    const rule = prospectOf(states, order, start, firstCostMs, (s) => (values[s] ?? 0) > 0);
    // A rule that gives up after a first visit without cost or end has no ratio to compare.
    if (rule.end <= TOLERANCE) break;
    const next = rule.costMs / rule.end;
    if (!(next < rank * (1 - TOLERANCE))) break;
    rank = next;
  }
  return Math.max(LEAST_RANK, rank);
}

/** The reachable states in post-order, successors first: without loops one sweep is enough. */
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

/** Value of continuing from each state when finishing is worth `reward`. */
function valuesAt(
  states: readonly UnitState[],
  order: readonly number[],
  reward: number,
): Float64Array {
  // Iterates from below: from above, a loop that never ends loses only one visit's cost per sweep.
  return iterate(states, order, (s, values) =>
    Math.max(0, endOf(states[s]) * reward - (states[s]?.costMs ?? 0) + expected(states[s], values)),
  );
}

/** Prospect of the rule that continues in the states of `goesOn` and gives up in the others. */
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

/** Probability of the end; what the transitions lack to a sum of 1 counts as the end. */
function endOf(state: UnitState | undefined): number {
  if (!state) return 1;
  const missing = 1 - state.next.reduce((sum, b) => sum + b.probability, 0);
  return Math.max(state.endProbability, missing > TOLERANCE ? missing : 0, 0);
}

/** Applies a map to the states, from values of 0, to its fixed point; loops need several sweeps. */
function iterate(
  states: readonly UnitState[],
  order: readonly number[],
  map: (state: number, values: Float64Array) => number,
): Float64Array {
  const values = new Float64Array(states.length);
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep += 1) {
    let change = 0;
    for (const s of order) {
      const value = map(s, values);
      change = Math.max(change, Math.abs(value - (values[s] ?? 0)));
      values[s] = value;
    }
    if (change <= TOLERANCE) break;
  }
  return values;
}

/**
 * The Gittins rank at the boundary between units. Calls do not pre-empt, so decisions fall between
 * units only, and of the unit in progress the exact index needs no more than its mean:
 *
 *   V_end(r) = r,   V_s(r) = max(0, -c_s + sum_b p_sb V_b(r)),
 *   rank(s) = min { r : -c_s + sum_b p_sb V_b(r) >= 0 }.
 *
 * Solved by Dinkelbach steps: from an r that is large enough, the best stopping rule for r gives the
 * ratio cost / P(end), the next r; it falls to the fixed point in a few steps.
 */

export interface UnitState {
  /** Mean cost of one visit, ms. */
  readonly costMs: number;
  readonly next: ReadonlyArray<{ readonly to: number; readonly probability: number }>;
  /** Probability that the run ends with this visit. */
  readonly endProbability: number;
}

const MAX_STEPS = 30;
const MAX_SWEEPS = 200;
const TOLERANCE = 1e-9;
const LEAST_RANK = 1e-9;

/** Cost until the rule stops, and the probability that the run has ended by then. */
interface Prospect {
  readonly costMs: number;
  readonly end: number;
}

/**
 * Rank of a run that is about to visit `start`, in ms; `firstCostMs` is what is known of that visit
 * instead of its mean. Finite and positive; a start from which no end is reached ranks by its costs.
 */
export function unitRank(
  states: readonly UnitState[],
  start: number,
  firstCostMs = states[start]?.costMs ?? 0,
): number {
  // Going on whatever comes: the largest rank that a rule could ask for, and where to start from.
  let prospect = prospectOf(states, start, firstCostMs, () => true);
  let rank = ratio(prospect);
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const values = valuesAt(states, rank);
    prospect = prospectOf(states, start, firstCostMs, (s) => (values[s] ?? 0) > 0);
    const next = ratio(prospect);
    if (!(next < rank * (1 - TOLERANCE))) break;
    rank = next;
  }
  return Math.max(LEAST_RANK, rank);
}

function ratio({ costMs, end }: Prospect): number {
  return end > TOLERANCE ? costMs / end : Math.max(costMs, LEAST_RANK) / TOLERANCE;
}

/** Value of going on from each state when finishing is worth `reward`. */
function valuesAt(states: readonly UnitState[], reward: number): Float64Array {
  // From above: the reward itself is the most that any state can be worth.
  const values = new Float64Array(states.length).fill(reward);
  iterate(values, (s) => {
    const { costMs, next } = states[s] ?? NO_STATE;
    const on = next.reduce((sum, b) => sum + b.probability * (values[b.to] ?? 0), 0);
    return Math.max(0, -costMs + endOf(states[s]) * reward + on);
  });
  return values;
}

/** What comes of a rule that goes on in some states and gives up in the others. */
function prospectOf(
  states: readonly UnitState[],
  start: number,
  firstCostMs: number,
  goesOn: (state: number) => boolean,
): Prospect {
  const cost = new Float64Array(states.length);
  const end = new Float64Array(states.length);
  const expected = (of: Float64Array, s: number) =>
    (states[s]?.next ?? []).reduce((sum, b) => sum + b.probability * (of[b.to] ?? 0), 0);
  iterate(end, (s) => (goesOn(s) ? endOf(states[s]) + expected(end, s) : 0));
  iterate(cost, (s) => (goesOn(s) ? (states[s]?.costMs ?? 0) + expected(cost, s) : 0));
  return {
    costMs: firstCostMs + expected(cost, start),
    end: Math.min(1, endOf(states[start]) + expected(end, start)),
  };
}

/** Probability that is missing among the transitions counts as the end. */
function endOf(state: UnitState | undefined): number {
  if (!state) return 1;
  const on = state.next.reduce((sum, b) => sum + b.probability, 0);
  return Math.max(state.endProbability, 1 - on, 0);
}

const NO_STATE: UnitState = { costMs: 0, next: [], endProbability: 1 };

/** Sweeps a map over all states until nothing moves; loops need more than one sweep. */
function iterate(values: Float64Array, map: (state: number) => number): void {
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep += 1) {
    let moved = 0;
    for (let s = values.length - 1; s >= 0; s -= 1) {
      const value = map(s);
      moved = Math.max(moved, Math.abs(value - (values[s] ?? 0)));
      values[s] = value;
    }
    if (moved <= TOLERANCE) return;
  }
}

/**
 * Why a run stands where it stands in a line, as data (src/protocol/console/why.ts): what goes before
 * it and by which rule, and what keeps its own call from a slot. Pure functions of what the order
 * says; they decide nothing.
 */
import { POLICIES, type PolicyName } from '../../../src/core/order/policies/registry.ts';
import type { WhyReason } from '../../../src/protocol/console/why.ts';

/** What keeps the calls of a whole line from a slot. */
export type LineState =
  | { readonly kind: 'open' }
  | Extract<WhyReason, { readonly kind: 'endpoint-cold' | 'slots-busy' | 'circuit-open' }>;

/** A run in line, as far as its place depends on it. Times are epoch ms. */
export interface Standing {
  /** From 0. */
  readonly index: number;
  readonly rankMs: number;
  readonly arrivedAt: number;
  readonly now: number;
  readonly urgent: boolean;
  readonly deadlineAt: number | undefined;
  readonly boundMs: number | undefined;
  /** The endpoint that its next call is held back for, and until when. */
  readonly held: { readonly endpoint: string; readonly until: number } | undefined;
  /** Other API keys that had less service, 0 where it is not its key's turn that counts. */
  readonly keysBehind: number;
  /** Slots that its next call needs at once. */
  readonly sequences: number;
  /** Its next call keeps away from endpoints that failed it. */
  readonly avoids: boolean;
}

/** The rows before a row, by rank and by arrival; rows are added in the line's order. */
export class RowsAhead {
  /** Without those that go before the order because of a deadline. */
  readonly #ranks: number[] = [];
  readonly #arrivals: number[] = [];
  urgent = 0;
  withDeadline = 0;

  add(row: Pick<Standing, 'rankMs' | 'arrivedAt' | 'urgent' | 'deadlineAt'>): void {
    insert(this.#arrivals, row.arrivedAt);
    if (row.deadlineAt !== undefined) this.withDeadline += 1;
    if (row.urgent) this.urgent += 1;
    else insert(this.#ranks, row.rankMs);
  }

  get size(): number {
    return this.#arrivals.length;
  }

  /** Rows that rank below, and the difference to the nearest of them. */
  below(rankMs: number): { count: number; byMs: number } {
    const count = placesBefore(this.#ranks, (other) => other < rankMs);
    return { count, byMs: rankMs - (this.#ranks[count - 1] ?? rankMs) };
  }

  /** Rows that arrived later. */
  arrivedAfter(at: number): number {
    return this.#arrivals.length - placesBefore(this.#arrivals, (other) => other <= at);
  }
}

/** At least one; the one that matters most comes first. */
export function reasonsOf(
  row: Standing,
  ahead: RowsAhead,
  line: LineState,
  policy: PolicyName,
): WhyReason[] {
  const { now, held, urgent, deadlineAt = now, sequences, keysBehind, avoids } = row;
  const reasons: WhyReason[] = [];
  if (urgent) reasons.push({ kind: 'urgent', deadlineInMs: Math.max(0, deadlineAt - now) });
  if (held) {
    const { endpoint, until } = held;
    reasons.push({ kind: 'held-for-endpoint', endpoint, untilMs: Math.max(0, until - now) });
  }
  if (row.index === 0 && !held) reasons.push({ kind: 'next' });
  else reasons.push(...aheadOf(row, ahead, policy));
  if (keysBehind > 0) reasons.push({ kind: 'key-share', otherKeys: keysBehind });
  if (sequences > 1) reasons.push({ kind: 'needs-slots', slots: sequences });
  if (line.kind !== 'open') reasons.push(line);
  else if (avoids) reasons.push({ kind: 'endpoint-avoided' });
  if (row.boundMs !== undefined && row.index > 0) {
    const inMs = row.arrivedAt + row.boundMs - now;
    reasons.push(inMs > 0 ? { kind: 'bound-in', inMs } : { kind: 'bound-reached' });
  }
  return reasons;
}

/** The runs ahead by the rule that put them there, and the places lost to later ones. */
function aheadOf(row: Standing, ahead: RowsAhead, policy: PolicyName): WhyReason[] {
  const reasons: WhyReason[] = [];
  const { size } = ahead;
  const add = (kind: CountedKind, aheadRuns: number) => {
    if (aheadRuns > 0) reasons.push({ kind, aheadRuns });
    return aheadRuns;
  };
  let explained = 0;
  if (policy === 'edf' || policy === 'lstf') {
    explained = add('deadline-ahead', row.deadlineAt === undefined ? ahead.withDeadline : size);
  } else {
    explained = add('deadline-ahead', ahead.urgent);
    const { key, sharesByApp = false } = POLICIES[policy];
    const { count, byMs } = ahead.below(row.rankMs);
    if (sharesByApp || policy === 'las') explained += add('less-served-ahead', count);
    else if (key === 'aged' && count > 0) {
      reasons.push({ kind: 'shorter-ahead', aheadRuns: count, expectsLessMs: byMs });
      explained += count;
    }
  }
  // What no rule puts ahead is there because it came earlier: that is the tie-break, and the age.
  add('earlier-ahead', size - explained);
  const runs = ahead.arrivedAfter(row.arrivedAt);
  if (runs > 0) reasons.push({ kind: 'places-lost', runs });
  return reasons;
}

type CountedKind = 'deadline-ahead' | 'less-served-ahead' | 'earlier-ahead';

function insert(sorted: number[], value: number): void {
  sorted.splice(
    placesBefore(sorted, (other) => other < value),
    0,
    value,
  );
}

/** How many of the first values satisfy what all values up to some place do. */
function placesBefore(sorted: readonly number[], goesBefore: (value: number) => boolean): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (goesBefore(sorted[middle] ?? Infinity)) low = middle + 1;
    else high = middle;
  }
  return low;
}

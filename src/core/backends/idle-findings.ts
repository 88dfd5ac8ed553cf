/**
 * What was found of an endpoint's idle timeout: idle times after which it was warm or cold, each with
 * a weight, and the bracket that they contradict least. What follows from that is in learned-idle.ts.
 */

/** Findings whose idle times differ by less than this share are counted together. */
const SAME_SHARE = 0.1;
/** Most findings of a kind that are remembered. */
const MOST_KEPT = 24;
/** Most weight of one finding, and of all those of a kind that contradict a timeout. */
export const MOST_WEIGHT = 3;
/** Share of its weight that a finding keeps when a newer one contradicts it. */
const KEPT_SHARE = 0.4;
/** A finding with less weight is forgotten. */
const LEAST_WEIGHT = 0.3;
/** Findings within this factor of one another confirm each other. */
const NEAR = 1.5;

export interface Finding {
  readonly ms: number;
  readonly weight: number;
}

/** The timeout lies between; 0 and Infinity where an end is not known. */
export interface Bracket {
  readonly warmMs: number;
  readonly coldMs: number;
  readonly cost: number;
}

/** Weight of the findings that contradict a timeout. */
export function against(
  timeoutMs: number,
  warm: readonly Finding[],
  cold: readonly Finding[],
): number {
  let [longer, shorter] = [0, 0];
  for (const { ms, weight } of warm) if (ms > timeoutMs) longer += weight;
  for (const { ms, weight } of cold) if (ms < timeoutMs) shorter += weight;
  return Math.min(MOST_WEIGHT, longer) + Math.min(MOST_WEIGHT, shorter);
}

/** The bracket that the fewest findings contradict; of equal ones the longest. */
export function leastContradicted(warm: readonly Finding[], cold: readonly Finding[]): Bracket {
  const ends = [...warm, ...cold].map(({ ms }) => ms).sort((a, b) => a - b);
  let best: Bracket = { warmMs: 0, coldMs: Infinity, cost: Infinity };
  for (let i = 0; i <= ends.length; i += 1) {
    const from = ends[i - 1] ?? 0;
    const until = ends[i] ?? Infinity;
    const cost = against(until === Infinity ? from + 1 : (from + until) / 2, warm, cold);
    if (cost <= best.cost) best = { warmMs: from, coldMs: until, cost };
  }
  const { warmMs, coldMs, cost } = best;
  const below = warm.filter(({ ms }) => ms <= warmMs).map(({ ms }) => ms);
  const above = cold.filter(({ ms }) => ms >= coldMs).map(({ ms }) => ms);
  return { warmMs: Math.max(0, ...below), coldMs: Math.min(Infinity, ...above), cost };
}

/** Adds a finding; of too many, the one that says least is dropped. */
export function added(
  findings: readonly Finding[],
  ms: number,
  drop: 'longest' | 'shortest',
): Finding[] {
  const same = findings.find((f) => isSame(f, ms));
  const others = findings.filter((f) => f !== same);
  const weight = Math.min(MOST_WEIGHT, (same?.weight ?? 0) + 1);
  // The idle time of the first stays, or a row of findings would drift.
  const sorted = [...others, { ms: same?.ms ?? ms, weight }].sort((a, b) => a.ms - b.ms);
  if (sorted.length <= MOST_KEPT) return sorted;
  return drop === 'longest' ? sorted.slice(0, MOST_KEPT) : sorted.slice(-MOST_KEPT);
}

/** True where the two count as one idle time. */
export function isSame(finding: Finding, ms: number): boolean {
  return Math.abs(Math.log(finding.ms / ms)) < SAME_SHARE;
}

/** What is left of the findings that a newer one contradicts. */
export function contradicted(findings: readonly Finding[], by: (ms: number) => boolean): Finding[] {
  return findings
    .map((f) => (by(f.ms) ? { ...f, weight: f.weight * KEPT_SHARE } : f))
    .filter(({ weight }) => weight >= LEAST_WEIGHT);
}

/** Weight of the findings about as long as `ms`. */
export function weightNear(findings: readonly Finding[], ms: number): number {
  let sum = 0;
  for (const f of findings) if (f.ms >= ms / NEAR && f.ms <= ms * NEAR) sum += f.weight;
  return sum;
}

/**
 * The rank as an engine's own priority: while its slots are full an engine still orders what it has
 * taken in. Sixteen levels, since engines compare whole numbers and a tie goes by arrival.
 */

/** vLLM: the lower goes first (`--scheduling-policy priority`). SGLang: the higher does. */
export const PRIORITY_STYLES = ['vllm', 'sglang'] as const;
export type PriorityStyle = (typeof PRIORITY_STYLES)[number];

const LEVELS = 16;
/** Ranks up to this many ms are the first level; each further level is twice as long. */
const FIRST_LEVEL_MS = 250;

/** Level of a rank in ms: 0 goes first, 15 last; any rank has one. */
export function levelOf(rankMs: number): number {
  if (!(rankMs > FIRST_LEVEL_MS)) return 0;
  return Math.min(LEVELS - 1, Math.ceil(Math.log2(rankMs / FIRST_LEVEL_MS)));
}

/** The number for the engine's `priority`. */
export function priorityOf(rankMs: number, style: PriorityStyle): number {
  const level = levelOf(rankMs);
  return style === 'vllm' ? level : LEVELS - 1 - level;
}

/** A JSON body with the priority added; as it is where the client gave one of its own. */
export function withPriority(text: string, priority: number): string {
  const end = text.lastIndexOf('}');
  return end < 0 ? text : `${text.slice(0, end)},"priority":${priority}${text.slice(end)}`;
}

/**
 * Converts a rank into an engine's own priority, since a full engine orders the calls that it has
 * accepted by itself. There are 16 levels, since engines compare whole numbers and break ties by
 * arrival. The ranks come from `core/order`.
 */

/** vLLM (`--scheduling-policy priority`) serves lower numbers first, SGLang higher ones. */
export const PRIORITY_STYLES = ['vllm', 'sglang'] as const;
export type PriorityStyle = (typeof PRIORITY_STYLES)[number];

const LEVELS = 16;
/** Ranks up to this many ms are level 0; the upper bound doubles with each further level. */
const FIRST_LEVEL_MS = 250;

/** Level of a rank in ms: 0 is served first, 15 last. Defined for every number, NaN included. */
export function levelOf(rankMs: number): number {
  if (!(rankMs > FIRST_LEVEL_MS)) return 0;
  return Math.min(LEVELS - 1, Math.ceil(Math.log2(rankMs / FIRST_LEVEL_MS)));
}

/** The number for the engine's `priority` field. */
export function priorityOf(rankMs: number, style: PriorityStyle): number {
  const level = levelOf(rankMs);
  return style === 'vllm' ? level : LEVELS - 1 - level;
}

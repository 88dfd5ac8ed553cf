/** How many tokens the emulated model writes where the limit is only a bound. Pure. */

/** A limit up to this is taken as a wish for that many tokens; a larger one only as a bound. */
const MOST_WISHED_TOKENS = 1_024;
const MEDIAN_TOKENS = 90;
/** The spread of the logarithm: most answers are within a factor of 2 of the median. */
const LOG_SPREAD = 0.6;
const LEAST_TOKENS = 16;
const MOST_TOKENS = 400;

/** The output tokens of an answer: the same text always has the same length. */
export function ordinaryTokens(text: string, limit: number | null | undefined): number {
  if (limit != null && limit <= MOST_WISHED_TOKENS) return limit;
  const tokens = Math.round(MEDIAN_TOKENS * Math.exp(LOG_SPREAD * deviateOf(text)));
  return Math.min(MOST_TOKENS, Math.max(LEAST_TOKENS, tokens));
}

/** A number that is distributed roughly as a standard normal over texts: a sum of 4 uniforms. */
function deviateOf(text: string): number {
  const hash = hashOf(text);
  const sum = [0, 8, 16, 24].reduce((total, shift) => total + ((hash >>> shift) & 255) / 255, 0);
  return (sum - 2) * Math.sqrt(3);
}

/** FNV-1a, with a final mix so that texts that differ in their last characters differ everywhere. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

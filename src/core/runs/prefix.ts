/**
 * The prefix of a prompt, as far as the dispatcher needs it to find calls that begin alike: a chain of
 * fingerprints at the cuts of the request (tools, system, messages). It holds no content.
 */

/** One cut of a prompt: everything from its beginning up to there. */
export interface PrefixLink {
  /** Fingerprint of all that comes before the cut. */
  readonly id: string;
  /** Estimated tokens before the cut; they grow along the chain. */
  readonly tokens: number;
}

/** Most links of a chain; a longer one is cut where it is read. */
export const MAX_LINKS = 16;

/**
 * The beginning of prompts of a backend whose text is kept, so that an endpoint can read it ahead of a
 * call. The last link names it.
 */
export interface KeptPrefix {
  readonly backend: string;
  readonly chain: readonly PrefixLink[];
}

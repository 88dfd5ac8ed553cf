/**
 * Where a call is to be served, as data: the busy endpoint that it is held back for, and what was
 * expected of its service when it got its slot. Both are decided in backends/call-placement.ts.
 */
export interface CallPlace {
  /** Endpoint with its prefix that it is held back for; undefined where it goes to any. */
  heldFor: string | undefined;
  /** Until when it may be held back, epoch ms; it is held back no more afterwards. */
  heldUntil: number;
  /** When it was last held back, epoch ms; undefined where it never was. */
  heldTo: number | undefined;
  /** Time that a slot was free for it while it was held back, ms. */
  heldMs: number;
  /** The backend's count of such time when it was last held back, ms. */
  heldFrom: number;
  /** What was expected of its service at its last grant. */
  expected: ExpectedService | undefined;
}

/** What is expected of a call's service. */
export interface ExpectedService {
  /** Tokens of its prompt that are in the endpoint's cache. */
  readonly hitTokens: number;
  /** Time that the rest of its prompt takes to be read, ms. */
  readonly readMs: number;
  /** Mean time that calls of its kind generate, ms. */
  readonly outputMs: number;
}

/** The place of a call that waits for any endpoint. */
export function unplaced(): CallPlace {
  return {
    heldFor: undefined,
    heldUntil: Infinity,
    heldTo: undefined,
    heldMs: 0,
    heldFrom: 0,
    expected: undefined,
  };
}

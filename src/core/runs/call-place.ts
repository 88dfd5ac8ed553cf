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
  /** Since when it waits until its adapter is loaded, epoch ms; undefined where it does not. */
  parkedAt: number | undefined;
  /** Time that it has waited for its adapter, ms. */
  adapterWaitMs: number;
  /** How it found its adapter at its last grant; undefined for a call that needs none. */
  adapter: AdapterState | undefined;
  /** The link of its prefix whose text is to be kept, as asked with its last grant. */
  keepPrefix: string | undefined;
}

/**
 * How a call finds its adapter: there, there after it has waited for it, or not known to be there: it
 * could not be loaded, and the engine's own answer tells.
 */
export type AdapterState = 'loaded' | 'waited' | 'missing';

/** What is expected of a call's service. */
export interface ExpectedService {
  /** Tokens of its prompt that are in the endpoint's cache; undefined where that is not known. */
  readonly hitTokens: number | undefined;
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
    parkedAt: undefined,
    adapterWaitMs: 0,
    adapter: undefined,
    keepPrefix: undefined,
  };
}

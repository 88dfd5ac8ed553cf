/** What the first script has begun: the page takes it over, each answer once. */

export interface Begun {
  /** Null when nobody is signed in. */
  readonly token: string | null;
  /** When it was asked, epoch ms by the machine's clock. */
  readonly at: number;
  /** By the path of the API. */
  readonly answers: Map<string, Promise<Response>>;
}

declare global {
  var talariaBegun: Begun | undefined;
}

/** Answers that nobody has taken by then are old, ms. */
const FRESH_MS = 10_000;

/** Null where nobody is signed in, undefined where the first script did not run. */
export function begunToken(): string | null | undefined {
  return globalThis.talariaBegun?.token;
}

/** When the first answers were asked for, epoch ms by the machine's clock; null where none were or long ago. */
export function begunAt(): number | null {
  const begun = globalThis.talariaBegun;
  return begun && begun.token !== null && isFresh(begun) ? begun.at : null;
}

/** The answer that is there or on its way; undefined where the page must ask. */
export function takeAnswer(
  path: string,
  token: string,
): { readonly askedAt: number; readonly response: Promise<Response> } | undefined {
  const begun = globalThis.talariaBegun;
  const response = begun?.answers.get(path);
  if (!begun || !response) return undefined;
  begun.answers.delete(path);
  return begun.token === token && isFresh(begun) ? { askedAt: begun.at, response } : undefined;
}

/** For whoever signs out: neither token nor answers are left. */
export function forgetBegun(): void {
  globalThis.talariaBegun = undefined;
}

function isFresh({ at }: Begun): boolean {
  return Math.abs(Date.now() - at) < FRESH_MS;
}

/**
 * Reads the pause that an answer asks for: `retry-after-ms` (OpenAI, Azure), and `retry-after` in
 * seconds, also with a fraction, or as a date (RFC 9110, section 10.2.3).
 */

const MOST_LISTED = 4;
/** Longest pause that is believed, ms. */
const LONGEST_MS = 86_400_000;

/** The pause, ms; undefined where none is asked for. `now`: epoch ms. */
export function retryAfterOf(headers: Headers, now: number): number | undefined {
  const ms = numberIn(headers.get('retry-after-ms'));
  if (ms !== undefined) return bounded(ms);
  const text = headers.get('retry-after');
  const seconds = numberIn(text);
  if (seconds !== undefined) return bounded(seconds * 1_000);
  if (text === null || !/[a-z]/i.test(text)) return undefined;
  const at = Date.parse(text);
  if (Number.isNaN(at)) return undefined;
  // The date is by the clock of the endpoint, which its `date` tells.
  const from = Date.parse(headers.get('date') ?? '');
  return bounded(at - (Number.isNaN(from) ? now : from));
}

/** The largest, where several proxies have each added theirs. */
function numberIn(text: string | null): number | undefined {
  const numbers = (text ?? '').split(',', MOST_LISTED).map(oneNumber);
  return numbers.reduce((most, one) =>
    most === undefined || one === undefined ? undefined : Math.max(most, one),
  );
}

function oneNumber(text: string): number | undefined {
  const trimmed = text.trim();
  return /^\d{1,15}(?:\.\d{0,9})?$/.test(trimmed) ? Number(trimmed) : undefined;
}

function bounded(ms: number): number | undefined {
  return ms > 0 ? Math.min(ms, LONGEST_MS) : undefined;
}

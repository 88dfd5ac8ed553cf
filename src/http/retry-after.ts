/**
 * Reads the pause that an answer asks for: `retry-after-ms` (OpenAI, Azure), and `retry-after` in
 * seconds, also with a fraction, as a date (RFC 9110, section 10.2.3), or as a duration (proxies in Go).
 * Some tell it in the body only.
 */
import type { HeaderReader } from './held-headers.ts';

const MOST_LISTED = 4;
/** Longest pause that is believed, ms. */
const LONGEST_MS = 86_400_000;

/** The pause, ms; undefined where none is asked for. `now`: epoch ms. */
export function retryAfterOf(headers: HeaderReader, now: number): number | undefined {
  const ms = numberIn(headers.get('retry-after-ms'));
  if (ms !== undefined) return bounded(ms);
  const text = headers.get('retry-after');
  const seconds = numberIn(text);
  if (seconds !== undefined) return bounded(seconds * 1_000);
  if (text === null || !/[a-z]/i.test(text)) return undefined;
  if (DURATION.test(text)) return bounded(durationMs(text) ?? 0);
  const at = Date.parse(text);
  if (Number.isNaN(at)) return undefined;
  // The date is by the clock of the endpoint, which its `date` tells.
  const from = Date.parse(headers.get('date') ?? '');
  return bounded(at - (Number.isNaN(from) ? now : from));
}

/** `1m30s`, `20s`: what is written in Go. */
const DURATION = /^\s*(?:\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h)){1,4}\s*$/;

/** How bodies tell a pause; the first group is a duration. */
const TOLD: readonly RegExp[] = [
  // Google's RetryInfo, a duration of protobuf: "34.07s".
  /"retry_?delay"\s*:\s*"([\d.]+s)"/i,
  // "Please try again in 7m12.48s." (OpenAI, Groq), "in 5 seconds" (LiteLLM), "retry after 6 seconds"
  // (Azure), "wait 38 seconds before retrying" (GitHub Models).
  /\b(?:(?:try again|retry)(?: in| after)|please wait) (\d[\d.]*\s?[a-z]+(?:\s?\d[\d.]*\s?[a-z]+){0,3})/i,
];

/** The pause that the text of a refusal asks for, ms; undefined where it tells none. */
export function retryAfterInText(text: string): number | undefined {
  for (const form of TOLD) {
    const ms = durationMs(form.exec(text)?.[1] ?? '');
    if (ms !== undefined) return bounded(Math.ceil(ms));
  }
  return undefined;
}

const UNIT_MS: ReadonlyArray<readonly [names: RegExp, ms: number]> = [
  [/^(?:ms|millis(?:econds?)?|milliseconds?)$/i, 1],
  [/^s(?:ecs?|econds?)?$/i, 1_000],
  [/^m(?:ins?|inutes?)?$/i, 60_000],
  [/^h(?:ours?|rs?)?$/i, 3_600_000],
];

/** `1h2m3.5s`, `120ms`, `6 seconds`; words that are no unit end it. */
function durationMs(text: string): number | undefined {
  let ms: number | undefined;
  for (const [, number, unit = ''] of text.matchAll(/(\d{1,15}(?:\.\d{1,9})?)\s?([a-z]+)/gi)) {
    const unitMs = UNIT_MS.find(([names]) => names.test(unit))?.[1];
    if (unitMs === undefined) break;
    ms = (ms ?? 0) + Number(number) * unitMs;
  }
  return ms;
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

/**
 * What a client sets for Talaria by itself: names, limits and flags, in a header or else in the body's
 * metadata. What follows for a call's identity is in identity.ts.
 */

import { type Outcome, wrongInput } from '../http/errors.ts';
import { given } from '../http/given.ts';
import type { HeaderReader } from '../http/held-headers.ts';
import type { BodyHints } from './conversation.ts';
import { isPlaceholder } from './placeholders.ts';
import type { Named } from './sessions.ts';

/**
 * A name that the client sets for Talaria: in a header, or else in the metadata. `note`: what to say
 * where it set a placeholder, behind what was taken instead.
 */
export function givenName(
  headers: HeaderReader,
  hints: BodyHints,
  name: string,
): { readonly named: Named | undefined; readonly note: string } {
  const [first, second] = setValues(headers, hints, name);
  if (first === undefined || !isPlaceholder(first.value)) return { named: first, note: '' };
  const named = second && !isPlaceholder(second.value) ? second : undefined;
  return { named, note: ` (${first.why} is a placeholder)` };
}

/** What the client sets for Talaria, the header first. */
export function setValues(headers: HeaderReader, hints: BodyHints, name: string): Named[] {
  const header = headers.get(`x-talaria-${name}`);
  const field = `talaria_${name.replaceAll('-', '_')}`;
  const value = hints.metadata[field];
  return [
    ...(header === null ? [] : [{ value: header, why: `x-talaria-${name}` }]),
    ...(value === undefined ? [] : [{ value, why: `metadata.${field}` }]),
  ];
}

/** In any case: Python writes `True`. */
export function isTrue(text: string | null | undefined): boolean {
  return /^\s*true\s*$/i.test(text ?? '');
}

/** The timeout that the OpenAI SDK states in seconds, as text in ms. */
export function stainlessTimeoutMs(headers: HeaderReader): Named | undefined {
  const why = 'x-stainless-timeout';
  const seconds = Number(headers.get(why) ?? Number.NaN);
  const isTime = seconds > 0 && Number.isFinite(seconds * 1000);
  return isTime ? { value: String(seconds * 1000), why } : undefined;
}

export function limitsOf(
  deadline: Named | undefined,
  maxWait: Named | undefined,
): Outcome<{ limits: { deadlineMs?: number; maxWaitMs?: number } }> {
  for (const limit of [deadline, maxWait]) {
    if (limit === undefined || isTime(limit.value)) continue;
    return wrongInput({ param: limit.why, message: 'Expected milliseconds above 0.' });
  }
  const limits = { deadlineMs: msOf(deadline), maxWaitMs: msOf(maxWait) };
  return { ok: true, limits: given(limits) };
}

function isTime(text: string): boolean {
  const value = Number(text);
  return Number.isFinite(value) && value > 0;
}

/** Without an end that matters: what is recorded of it must fit into an export. */
const LONGEST_MS = 1e12;

function msOf(limit: Named | undefined): number | undefined {
  return limit && Math.min(LONGEST_MS, Number(limit.value));
}

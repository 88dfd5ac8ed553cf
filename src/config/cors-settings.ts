/** The schema of the origins of browsers that a tenant allows. Who allows one is found in `origins.ts`. */
import * as z from 'zod/mini';

/** Any origin. */
export const ANY_ORIGIN = '*';
/** As browsers write it: scheme, host in lower case, and the port unless it is the scheme's own. */
const ORIGIN = /^[a-z][a-z0-9+.-]{0,31}:\/\/[a-z0-9._[\]:-]{1,200}$/;

const origin = z
  .string()
  .check(
    z.refine(
      (text) => text === ANY_ORIGIN || isOrigin(text),
      'expected an origin as browsers send it, such as "https://app.example.com", or "*"',
    ),
  );

export const corsSettings = z.strictObject({
  /** Origins whose pages may call with a key; none: browsers are told nothing. */
  origins: z._default(z.array(origin).check(z.maxLength(100)), []),
});

/** True where the tenant allows the origin. */
export function allowsOrigin(origins: readonly string[], given: string): boolean {
  return origins.includes(given) || origins.includes(ANY_ORIGIN);
}

/** True for the form in which browsers write an origin. */
export function isOrigin(text: string): boolean {
  return ORIGIN.test(text) && isWrittenSo(text);
}

/** True where a browser would write the origin in the same way. */
function isWrittenSo(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return url.host !== '' && text === `${url.protocol}//${url.host}`;
}

/** Compares media types as RFC 9110, section 8.3.1, has it: without parameters, in any case. */

/** The media type that the headers name, in lower case; empty where they name none. */
export function mediaTypeOf(headers: Headers): string {
  const [type = ''] = (headers.get('content-type') ?? '').split(/[;,]/, 1);
  return type.trim().toLowerCase();
}

/** True where the headers name this type; `application/json` is any type that is JSON (RFC 6839). */
export function isMediaType(headers: Headers, type: string): boolean {
  const given = mediaTypeOf(headers);
  if (given === type) return true;
  return type === 'application/json' && /^[\w.-]+\/[\w.-]+\+json$/.test(given);
}

/**
 * A change of a tenant's configuration that must not overwrite another: the version that the caller
 * has read, as `If-Match` names it (RFC 9110, section 13.1.1), and the answer where it is not the
 * present one any more.
 */
import { parseDocument } from '../config/store.ts';
import { errorBody, type Outcome, wrongInput } from '../http/errors.ts';
import type { TenantDocument } from '../protocol/tenant.ts';
import type { TenantContext } from './app-env.ts';

/** The version that the caller has read; undefined where it names none. */
export function readVersion(header: string | undefined): Outcome<{ version: number | undefined }> {
  if (header === undefined) return { ok: true, version: undefined };
  const [, quoted, bare] = /^\s*(?:"(\d{1,16})"|(\d{1,16}))\s*$/.exec(header) ?? [];
  const digits = quoted ?? bare;
  if (digits !== undefined) return { ok: true, version: Number(digits) };
  const message = 'Expected the version that was read, as in If-Match: "1764000000000".';
  return wrongInput({ param: 'if-match', message });
}

/** The entity tag of a version. */
export function versionTag(version: number): string {
  return `"${version}"`;
}

/** The answer to a change of an older version; `shown`: what the present one looks like there. */
export function conflictResponse(
  c: TenantContext,
  document: string,
  shown: (document: TenantDocument) => object,
): Response {
  const present = parseDocument(document);
  const message = `The configuration was changed since it was read: it is of version ${present.version} now.`;
  const body = errorBody({ code: 'version_conflict', param: 'if-match', message });
  const headers = {
    'x-request-id': c.get('requestId'),
    'x-should-retry': 'false',
    etag: versionTag(present.version),
  };
  return Response.json({ ...body, current: shown(present) }, { status: 409, headers });
}

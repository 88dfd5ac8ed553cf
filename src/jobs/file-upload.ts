/**
 * The upload of a file in the format of OpenAI's Files API: a form with `purpose`, `file` and
 * optionally `expires_after`.
 */
import { z } from 'zod';
import { failure, type Outcome } from '../http/errors.ts';

const MAX_NAME_CHARS = 255;
const seconds = z
  .string()
  .regex(/^\d{1,9}$/, 'expected seconds')
  .transform(Number)
  .pipe(z.int().min(3_600).max(2_592_000));

export interface Upload {
  readonly filename: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly lifetimeMs?: number;
}

/** Reads the form from the body of a request; only the purpose "batch" is allowed. */
export async function readUpload(
  body: Uint8Array<ArrayBuffer>,
  contentType: string,
): Promise<Outcome<{ upload: Upload }>> {
  if (!/^multipart\/form-data\s*;/i.test(contentType)) {
    const message = 'Expected multipart/form-data with a boundary.';
    return failure('invalid_request_error', { param: 'content-type', message });
  }
  let form: FormData;
  try {
    form = await new Response(body, { headers: { 'content-type': contentType } }).formData();
  } catch {
    return failure('invalid_request_error', { message: 'The body is no form.' });
  }
  if (form.get('purpose') !== 'batch') return wrong('purpose', 'expected "batch"');
  const file: unknown = form.get('file');
  if (!(file instanceof Blob)) return wrong('file', 'expected a file');
  const lifetime = lifetimeOf(form);
  if (!lifetime.ok) return lifetime;
  const name = 'name' in file && typeof file.name === 'string' ? file.name : '';
  return {
    ok: true,
    upload: {
      filename: (name === '' ? 'upload.jsonl' : name).slice(0, MAX_NAME_CHARS),
      bytes: new Uint8Array(await file.arrayBuffer()),
      ...(lifetime.ms === undefined ? {} : { lifetimeMs: lifetime.ms }),
    },
  };
}

function lifetimeOf(form: FormData): Outcome<{ ms: number | undefined }> {
  const text = form.get('expires_after[seconds]');
  if (text === null) return { ok: true, ms: undefined };
  if (form.get('expires_after[anchor]') !== 'created_at') {
    return wrong('expires_after[anchor]', 'expected "created_at"');
  }
  const parsed = seconds.safeParse(text);
  if (!parsed.success) return wrong('expires_after[seconds]', 'expected 3600 to 2592000');
  return { ok: true, ms: parsed.data * 1_000 };
}

function wrong(param: string, message: string) {
  return failure('invalid_request_error', { param, message: `Field "${param}": ${message}.` });
}

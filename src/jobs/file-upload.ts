/**
 * The upload of a file in the format of OpenAI's Files API: a form with `purpose`, `file` and
 * optionally `expires_after`.
 */
import * as z from 'zod/mini';
import { type Outcome, wrongInput } from '../http/errors.ts';
import { digits, intWithin } from '../http/field-schemas.ts';
import { given } from '../http/given.ts';
import { formParts, isField, parameter } from '../http/multipart.ts';

const MAX_NAME_CHARS = 255;
/** Longest value of a field that is no file, bytes. */
const MAX_FIELD_BYTES = 1_024;
const seconds = z.pipe(digits(9, 'expected seconds'), intWithin(3_600, 2_592_000));

export interface Upload {
  readonly filename: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly lifetimeMs?: number;
}

/** Reads the form from the body of a request; only the purpose "batch" is allowed. */
export function readUpload(
  body: Uint8Array<ArrayBuffer>,
  contentType: string,
): Outcome<{ upload: Upload }> {
  const form = formParts(body, contentType);
  if (!form.ok) return form;
  const text = (name: string) => {
    const field = form.parts.find((part) => isField(part, name));
    return field && new TextDecoder().decode(field.value.subarray(0, MAX_FIELD_BYTES));
  };
  if (text('purpose') !== 'batch') return wrong('purpose', 'expected "batch"');
  const file = form.parts.find(
    ({ disposition }) =>
      parameter(disposition, 'name') === 'file' && /;\s*filename\*?=/i.test(disposition),
  );
  if (!file) return wrong('file', 'expected a file');
  const lifetime = lifetimeOf(text);
  if (!lifetime.ok) return lifetime;
  const name = parameter(file.disposition, 'filename') ?? '';
  return {
    ok: true,
    upload: {
      filename: (name === '' ? 'upload.jsonl' : name).slice(0, MAX_NAME_CHARS),
      bytes: file.value,
      ...given({ lifetimeMs: lifetime.ms }),
    },
  };
}

function lifetimeOf(
  text: (name: string) => string | undefined,
): Outcome<{ ms: number | undefined }> {
  const given = text('expires_after[seconds]');
  if (given === undefined) return { ok: true, ms: undefined };
  if (text('expires_after[anchor]') !== 'created_at') {
    return wrong('expires_after[anchor]', 'expected "created_at"');
  }
  const parsed = seconds.safeParse(given);
  if (!parsed.success) return wrong('expires_after[seconds]', 'expected 3600 to 2592000');
  return { ok: true, ms: parsed.data * 1_000 };
}

function wrong(param: string, message: string) {
  return wrongInput({ param, message: `Field "${param}": ${message}.` });
}

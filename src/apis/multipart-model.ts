/**
 * Finds the `model` field of a multipart form, which is forwarded unchanged but for an alias. Uploads of files for
 * batches are read in `jobs/file-upload.ts`.
 */
import { failure, type Outcome } from '../http/errors.ts';
import type { Span } from '../http/json-scan.ts';
import { formParts, isField } from '../http/multipart.ts';
import { modelName } from './model-apis.ts';

/** Longest value of `model`, bytes. */
const MAX_MODEL_BYTES = 1_024;

/** Refuses a body that is not a form, and a form without exactly one valid `model`. */
export function multipartModel(
  bytes: Uint8Array<ArrayBuffer>,
  contentType: string,
): Outcome<{ model: string; span: Span }> {
  const form = formParts(bytes, contentType);
  if (!form.ok) return form;
  const [field, second] = form.parts.filter((part) => isField(part, 'model'));
  if (field === undefined) return wrongModel('is missing');
  if (second !== undefined) return wrongModel('stands there more than once');
  if (field.value.length > MAX_MODEL_BYTES) return wrongModel('is too long');
  const model = new TextDecoder().decode(field.value);
  if (!modelName.safeParse(model).success) return wrongModel('is no name');
  // A part is a view of the form.
  const start = field.value.byteOffset - bytes.byteOffset;
  return { ok: true, model, span: { start, end: start + field.value.length } };
}

function wrongModel(why: string): ReturnType<typeof failure> {
  const message = `Field "model" of the form ${why}.`;
  return failure('invalid_request_error', { param: 'model', message });
}

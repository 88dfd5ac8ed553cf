/**
 * Finds the `model` field of a multipart form, which is forwarded unchanged. Uploads of files for
 * batches are read in `jobs/file-upload.ts`.
 */
import { failure, type Outcome } from '../http/errors.ts';
import { formParts, isField } from '../http/multipart.ts';
import { modelName } from './model-apis.ts';

/** Longest value of `model`, bytes. */
const MAX_MODEL_BYTES = 1_024;

/** Refuses a body that is not a form, and a form without exactly one valid `model`. */
export function multipartModel(
  bytes: Uint8Array<ArrayBuffer>,
  contentType: string,
): Outcome<{ model: string }> {
  const form = formParts(bytes, contentType);
  if (!form.ok) return form;
  const [field, second] = form.parts.filter((part) => isField(part, 'model'));
  if (field === undefined) return wrongModel('is missing');
  if (second !== undefined) return wrongModel('stands there more than once');
  if (field.value.length > MAX_MODEL_BYTES) return wrongModel('is too long');
  const model = new TextDecoder().decode(field.value);
  return modelName.safeParse(model).success ? { ok: true, model } : wrongModel('is no name');
}

function wrongModel(why: string): Outcome<{ model: string }> {
  const message = `Field "model" of the form ${why}.`;
  return failure('invalid_request_error', { param: 'model', message });
}

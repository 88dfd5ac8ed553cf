/**
 * Finds the `model` field of a multipart form, which is forwarded unchanged but for an alias, or for a
 * name that only the path has. Uploads of files for batches are read in `jobs/file-upload.ts`.
 */
import { type Outcome, wrongInput } from '../http/errors.ts';
import type { Splice } from '../http/json-splice.ts';
import { formParts, isField } from '../http/multipart.ts';
import { modelName } from './model-apis.ts';

/** Longest value of `model`, bytes. */
const MAX_MODEL_BYTES = 1_024;

/** The model of a form, and how another name is set in its place. */
export interface FormModel {
  readonly model: string;
  /** All of its parts, without the boundary: a client makes another one whenever it writes a form. */
  readonly parts: readonly Uint8Array<ArrayBuffer>[];
  /** What gives the form this name; undefined where the form has it. */
  splice(name: string): Splice | undefined;
}

/**
 * Refuses a body that is not a form, and a form without exactly one valid `model`. `pathModel`: the
 * name in the path, for a form without one (Azure); its first part is then the model.
 */
export function multipartModel(
  bytes: Uint8Array<ArrayBuffer>,
  contentType: string,
  pathModel?: string,
): Outcome<{ form: FormModel }> {
  const form = formParts(bytes, contentType);
  if (!form.ok) return form;
  const [field, second] = form.parts.filter((part) => isField(part, 'model'));
  if (second !== undefined) return wrongModel('stands there more than once');
  const first = form.parts[0];
  const parts = form.parts.map(({ whole }) => whole);
  if (field === undefined && first !== undefined && pathModel !== undefined) {
    return named(pathModel, parts, (name) => ({
      span: { start: first.at, end: first.at },
      text: `--${form.boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\n${name}\r\n`,
    }));
  }
  if (field === undefined) return wrongModel('is missing');
  if (field.value.length > MAX_MODEL_BYTES) return wrongModel('is too long');
  const model = new TextDecoder().decode(field.value);
  // A part is a view of the form.
  const start = field.value.byteOffset - bytes.byteOffset;
  const span = { start, end: start + field.value.length };
  return named(model, parts, (text) => (text === model ? undefined : { span, text }));
}

function named(
  model: string,
  parts: FormModel['parts'],
  splice: FormModel['splice'],
): Outcome<{ form: FormModel }> {
  // A line break would begin a part of its own.
  const isName = modelName.safeParse(model).success && !/[\r\n]/.test(model);
  return isName ? { ok: true, form: { model, parts, splice } } : wrongModel('is no name');
}

function wrongModel(why: string): ReturnType<typeof wrongInput> {
  const message = `Field "model" of the form ${why}.`;
  return wrongInput({ param: 'model', message });
}

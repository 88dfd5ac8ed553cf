/** The query of a list: how many, and from where on. */
import { z } from 'zod';
import { failure, type Outcome } from '../http/errors.ts';
import { firstProblem } from '../http/problem.ts';

const ID = /^[A-Za-z0-9_/-]{1,128}$/;

/** Fields that every list has; `most` is the longest page. */
export function pageFields(usual: number, most: number) {
  return {
    after: z.string().regex(ID, 'expected an id').optional(),
    limit: z
      .string()
      .regex(/^\d{1,6}$/, `expected 1 to ${most}`)
      .transform(Number)
      .pipe(z.int().min(1).max(most))
      .default(usual),
  };
}

/** Checks a query; fields that are not known are let pass. */
export function readQuery<T extends z.ZodObject>(
  schema: T,
  query: Record<string, string>,
): Outcome<{ query: z.infer<T> }> {
  const parsed = schema.safeParse(query);
  if (parsed.success) return { ok: true, query: parsed.data };
  return failure('invalid_request_error', firstProblem(parsed.error));
}

/** A page in OpenAI's form. */
export function listView(items: ReadonlyArray<Record<string, unknown>>, more: boolean) {
  const [first_id = null, last_id = null] = [items[0]?.id, items.at(-1)?.id];
  return { object: 'list', data: items, has_more: more, first_id, last_id };
}

/** The query of a list (cursor and page length), and the list in the format of OpenAI's API. */
import * as z from 'zod/mini';
import { type Outcome, wrongInput } from '../http/errors.ts';
import { digits, intWithin, textLike } from '../http/field-schemas.ts';
import { firstProblem } from '../http/problem.ts';

const ID = /^[A-Za-z0-9_/-]{1,128}$/;

/** Query fields of every list; `usual` is the default page length, `most` the longest. */
export function pageFields(usual: number, most: number) {
  return {
    after: z.optional(textLike(ID, 'expected an id')),
    limit: z._default(z.pipe(digits(6, `expected 1 to ${most}`), intWithin(1, most)), usual),
  };
}

/** Checks a query; unknown fields are ignored. */
export function readQuery<T extends z.ZodMiniObject>(
  schema: T,
  query: Record<string, string>,
): Outcome<{ query: z.infer<T> }> {
  const parsed = schema.safeParse(query);
  if (parsed.success) return { ok: true, query: parsed.data };
  return wrongInput(firstProblem(parsed.error));
}

/** A page in the format of OpenAI's API; `more`: there is another page. */
export function listView(items: ReadonlyArray<Record<string, unknown>>, more: boolean) {
  const [first_id = null, last_id = null] = [items[0]?.id, items.at(-1)?.id];
  return { object: 'list', data: items, has_more: more, first_id, last_id };
}

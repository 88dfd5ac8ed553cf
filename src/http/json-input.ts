/** Reads JSON that a client writes, by a schema. The error names the field that is wrong. */
import type * as z from 'zod/mini';
import { type Outcome, wrongInput } from './errors.ts';
import { firstProblem } from './problem.ts';

export function readJsonText<T>(
  text: string,
  schema: z.ZodMiniType<T>,
): Outcome<{ readonly value: T }> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return wrongInput({ message: 'The body is not valid JSON.' });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { ok: true, value: parsed.data };
  return wrongInput(firstProblem(parsed.error));
}

/** Turns schema errors into problems that name the field by its path, as people write it. */
import type { z } from 'zod';

/** One error in an input. */
export interface Problem {
  /** Path of the field, as in `backends.m.endpoints[0].url`; absent for the whole input. */
  readonly param?: string;
  readonly message: string;
}

export function problemsOf(error: z.ZodError): Problem[] {
  return error.issues.map((issue) => {
    const unknownKey = issue.code === 'unrecognized_keys' ? [issue.keys[0] ?? ''] : [];
    const param = pathText([...issue.path, ...unknownKey]);
    return { ...(param === '' ? {} : { param }), message: issue.message };
  });
}

/** The first problem, its message as a sentence that names the field where there is one. */
export function firstProblem(error: z.ZodError): Problem {
  const [first] = problemsOf(error);
  const message = first?.message ?? 'wrong';
  if (first?.param === undefined) return { message: `The body: ${message}.` };
  return { param: first.param, message: `Field "${first.param}": ${message}.` };
}

/** A path in the notation `a.b[0].c`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}

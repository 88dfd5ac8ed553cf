/** Turns schema errors into problems that name the field by its path, as people write it. */

import * as z from 'zod/mini';
import { issueText } from './issue-text.ts';

// The messages of problems; zod's small schemas have none of their own.
z.config({ localeError: issueText });

/** One error in an input. */
export interface Problem {
  /** Path of the field, as in `backends.m.endpoints[0].url`; absent for the whole input. */
  readonly param?: string;
  readonly message: string;
}

/** Most problems that are reported of one input. */
const MAX_PROBLEMS = 100;

/** The first problems of an input. */
export function problemsOf(error: z.core.$ZodError): Problem[] {
  return error.issues.slice(0, MAX_PROBLEMS).map((issue) => problemOf(issue));
}

/**
 * The first problem, its message as a sentence that names the field where there is one. `pathOf`
 * gives the path in the client's own input, where another was parsed in its place.
 */
export function firstProblem(
  error: z.core.$ZodError,
  pathOf: (path: readonly PropertyKey[]) => readonly PropertyKey[] = (path) => path,
): Problem {
  const [issue] = error.issues;
  if (issue === undefined) return { message: 'The body: wrong.' };
  const { param, message } = problemOf(issue, pathOf(issue.path));
  if (param === undefined) return { message: `The body: ${message}.` };
  return { param, message: `Field "${param}": ${message}.` };
}

function problemOf(issue: z.core.$ZodIssue, path: readonly PropertyKey[] = issue.path): Problem {
  const unknownKey = issue.code === 'unrecognized_keys' ? [issue.keys[0] ?? ''] : [];
  const param = pathText([...path, ...unknownKey]);
  return { ...(param === '' ? {} : { param }), message: issue.message };
}

/** A path in the notation `a.b[0].c`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}

/** Turns schema errors into problems that name the field by its path, as people write it. */

import * as z from 'zod/mini';
import { MISSING, problemWords } from './problem-words.ts';

// The messages of problems; zod's small schemas have none of their own.
z.config({ localeError: problemWords });

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

/** The same problem of an input that is part of another one: its field is named from there. */
export function problemWithin(at: string, { param, message }: Required<Problem>): Problem {
  return {
    param: `${at}${param}`,
    message: message.replace(`"${param}"`, () => `"${at}${param}"`),
  };
}

function problemOf(issue: z.core.$ZodIssue, path: readonly PropertyKey[] = issue.path): Problem {
  // Where a value has the kind of one of several schemas, what is wrong is within it.
  const inner = issue.code === 'invalid_union' ? innerOf(issue) : undefined;
  if (inner) return problemOf(inner, [...path, ...inner.path]);
  const unknownKey = issue.code === 'unrecognized_keys' ? [issue.keys[0] ?? ''] : [];
  const param = pathText([...path, ...unknownKey]);
  return { ...(param === '' ? {} : { param }), message: issue.message };
}

function innerOf({ errors }: z.core.$ZodIssueInvalidUnion): z.core.$ZodIssue | undefined {
  const inner = errors.flatMap(([first]) => (first && first.path.length > 0 ? [first] : []));
  return inner.find(({ message }) => !message.endsWith(MISSING)) ?? inner[0];
}

/** A path in the notation `a.b[0].c`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}

/**
 * A model as a backend lists it: a name that its endpoints know, or an alias: another name, or a
 * pattern of names, for such a one. Who serves a model is found in `model-names.ts`.
 */
import * as z from 'zod/mini';
import { textWithin } from '../http/field-schemas.ts';
import type { Problem } from '../http/problem.ts';

const name = textWithin(1, 256);

/** A model as a backend lists it. */
export const modelEntry = z.union(
  [
    name,
    z.strictObject({
      /** What clients ask for; one `*` stands for any characters. */
      name,
      /** What the endpoints are asked for. */
      as: name,
    }),
  ],
  { error: 'expected a name of 1 to 256 characters, or {"name": …, "as": …} with two of them' },
);

export type ModelEntry = z.infer<typeof modelEntry>;

/** The name by which clients ask for a listed model. */
export function askedName(entry: ModelEntry): string {
  return typeof entry === 'string' ? entry : entry.name;
}

/** The name by which endpoints know a listed model. */
export function upstreamName(entry: ModelEntry): string {
  return typeof entry === 'string' ? entry : entry.as;
}

/** True for a pattern, which stands for many names. */
export function isPattern(entry: ModelEntry): boolean {
  return typeof entry !== 'string' && entry.name.includes('*');
}

/** True for a name that the pattern, which has one `*`, stands for. */
export function standsFor(pattern: string, asked: string): boolean {
  const [before = '', behind = ''] = pattern.split('*');
  if (asked.length < before.length + behind.length) return false;
  return asked.startsWith(before) && asked.endsWith(behind);
}

/** What is wrong with the models that the backends list. */
export function* modelProblems(
  backends: Readonly<Record<string, { readonly models: readonly ModelEntry[] }>>,
): Iterable<Problem> {
  const backendOf = new Map<string, string>();
  for (const [backend, { models }] of Object.entries(backends)) {
    for (const [i, entry] of models.entries()) {
      const param = `backends.${backend}.models[${i}]`;
      const asked = askedName(entry);
      const other = backendOf.get(asked);
      if (other !== undefined) {
        yield { param, message: `model "${asked}" is served by backend "${other}" already` };
      }
      backendOf.set(asked, backend);
      yield* patternProblems(entry, param);
    }
  }
}

function* patternProblems(entry: ModelEntry, param: string): Iterable<Problem> {
  if (typeof entry === 'string') {
    if (!entry.includes('*')) return;
    const message = 'a pattern needs the model that it stands for: {"name": …, "as": …}';
    yield { param, message };
    return;
  }
  if (entry.name.split('*').length > 2) {
    yield { param: `${param}.name`, message: 'expected one "*" at most' };
  }
  if (entry.as.includes('*')) {
    yield { param: `${param}.as`, message: 'expected the name of a model, without "*"' };
  }
}

/**
 * Reads the lines of an export for an import: a head, and runs in the trace format. The routes are
 * in `routes/archive.ts`.
 */
import * as z from 'zod/mini';
import { type Outcome, wrongInput } from '../http/errors.ts';
import { numberWithin, textLike, textWithin } from '../http/field-schemas.ts';
import { firstProblem, problemWithin } from '../http/problem.ts';
import { CLIENT_BACKEND } from '../protocol/admission.ts';
import type { ArchivedRun } from '../protocol/archive.ts';
import { isName } from '../protocol/name.ts';

/** The current version of the export format. */
export const EXPORT_FORMAT = 1;

const MAX_CALLS = 10_000;
const ms = numberWithin(0, 1e15);
const tokens = numberWithin(0, 1e9);
const name = z.string().check(z.refine(isName, 'expected 1 to 128 printable ASCII characters'));
/** A name may have been extended by a number that separates runs of the same name. */
const runName = textWithin(1, 256);
/** What people read beside a name that is a fingerprint. */
const label = z.optional(textWithin(1, 128));
const backend = textLike(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'expected a backend');

const head = z.object({
  talaria_export: z.literal(EXPORT_FORMAT),
  /** The zero of the runs' times, epoch ms. */
  start_ms: z._default(ms, 0),
  config: z.optional(z.record(z.string(), z.unknown())),
});

const call = z.union([
  z.object({
    input_tokens: tokens,
    output_tokens: tokens,
    cached_tokens: z.optional(tokens),
  }),
  z.object({ service_ms: ms }),
]);

const visit = z.object({
  unit: name,
  backend: z.union([backend, z.literal(CLIENT_BACKEND)]),
  adapter: z.optional(textWithin(1, 512)),
  gap_ms: z.optional(ms),
  label,
  calls: z.array(call).check(z.minLength(1), z.maxLength(MAX_CALLS)),
});

const run = z.object({
  run: runName,
  id: z.optional(runName),
  app: name,
  label,
  arrival_ms: ms,
  deadline_ms: z.optional(ms),
  finished_ms: z.optional(ms),
  learned: z.optional(z.boolean()),
  units: z.array(visit).check(z.minLength(1), z.maxLength(MAX_CALLS)),
});

export type ArchiveFirstLine = z.infer<typeof head>;

export type ArchiveLine =
  | { readonly kind: 'head'; readonly head: ArchiveFirstLine }
  | { readonly kind: 'run'; readonly run: ArchivedRun };

/** Reads a line; an error names the number of the line and the field. */
export function readArchiveLine(line: string, number: number): Outcome<{ line: ArchiveLine }> {
  const refuse = (message: string) =>
    wrongInput({ param: `line ${number}`, message: `Line ${number}: ${message}` });
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return refuse('not valid JSON.');
  }
  const isHead = typeof json === 'object' && json !== null && Object.hasOwn(json, 'talaria_export');
  const parsed = isHead ? head.safeParse(json) : run.safeParse(json);
  if (!parsed.success) {
    const { param, message } = firstProblem(parsed.error);
    if (param === undefined) return refuse(message);
    return wrongInput(problemWithin(`line ${number}: `, { param, message }));
  }
  const { data } = parsed;
  if ('talaria_export' in data) return { ok: true, line: { kind: 'head', head: data } };
  return { ok: true, line: { kind: 'run', run: data as ArchivedRun } };
}

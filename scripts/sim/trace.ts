/**
 * Reads recorded runs (JSON Lines, one run a line) or arrivals alone (CSV). A wrong line is an
 * error with its number and the field; no value is guessed.
 */
import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import type { RecordedRun } from '../../src/core/runs/recorded-run.ts';
import { pathText } from '../../src/http/problem.ts';

const ms = z.number().min(0);
const tokens = z.number().min(0);

const modelCall = z
  .object({
    input_tokens: tokens,
    output_tokens: tokens,
    cached_tokens: tokens.optional(),
    prefix: z.array(z.tuple([z.string().min(1), tokens])).optional(),
  })
  .refine(
    ({ prefix, input_tokens }) =>
      !prefix || prefix.reduce((sum, [, n]) => sum + n, 0) === input_tokens,
    { path: ['prefix'], message: 'expected parts that add up to input_tokens' },
  );

const call = z.union([modelCall, z.object({ service_ms: ms })]);

const run = z.object({
  run: z.string().min(1),
  app: z.string().min(1),
  arrival_ms: ms,
  deadline_ms: ms.optional(),
  units: z
    .array(
      z.object({
        unit: z.string().min(1),
        backend: z.string().min(1),
        adapter: z.string().min(1).optional(),
        gap_ms: ms.optional(),
        calls: z.array(call).min(1),
      }),
    )
    .min(1),
});

/** An error in an input file, with a message for the user who supplied it. */
export class InputError extends Error {}

export async function readTrace(file: string): Promise<RecordedRun[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new InputError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return file.endsWith('.csv') ? parseArrivals(text, file) : parseTrace(text, file);
}

/**
 * An arrival trace: `timestamp_ms,input_tokens,output_tokens`, each row a run of one call to `llm`.
 */
export function parseArrivals(text: string, file: string): RecordedRun[] {
  const [head, ...rows] = text.trimEnd().split('\n');
  const columns = ['timestamp_ms', 'input_tokens', 'output_tokens'];
  if (head?.trim() !== columns.join(',')) {
    throw new InputError(`${file}:1: expected the columns ${columns.join(',')}`);
  }
  return rows.map((row, i) => {
    const cells = row.split(',');
    const values = columns.map((column, c) => {
      const value = Number(cells[c]?.trim() || Number.NaN);
      if (value >= 0 && value < Infinity) return value;
      throw new InputError(`${file}:${i + 2}: ${column}: expected a number of 0 or more`);
    });
    const [arrival_ms = 0, input_tokens = 0, output_tokens = 0] = values;
    const calls = [{ input_tokens, output_tokens }];
    const run = `r${i + 1}`;
    return { run, app: 'arrivals', arrival_ms, units: [{ unit: 'call', backend: 'llm', calls }] };
  });
}

export function parseTrace(text: string, file: string): RecordedRun[] {
  const seen = new Map<string, number>();
  const runs: RecordedRun[] = [];
  text.split('\n').forEach((line, i) => {
    if (line.trim() === '') return;
    const where = `${file}:${i + 1}`;
    const parsed = parseRun(line, where);
    // The first line of an export is not a run.
    if (!parsed) return;
    const before = seen.get(parsed.run);
    if (before !== undefined) {
      throw new InputError(`${where}: run: "${parsed.run}" is the run of line ${before} already`);
    }
    seen.set(parsed.run, i + 1);
    runs.push(parsed);
  });
  if (runs.length === 0) throw new InputError(`${file}: expected at least one run`);
  return runs;
}

function parseRun(line: string, where: string): RecordedRun | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    throw new InputError(`${where}: not valid JSON`);
  }
  if (typeof json === 'object' && json !== null && 'talaria_export' in json) return undefined;
  const parsed = run.safeParse(json);
  if (parsed.success) return parsed.data as RecordedRun;
  const issue = parsed.error.issues[0];
  const field = pathText(issue?.path ?? []);
  throw new InputError(`${where}: ${field === '' ? 'the run' : field}: ${issue?.message}`);
}

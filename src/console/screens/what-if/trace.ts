/** Reads the answer of `GET tenants/:t/trace`: JSON Lines, first the cluster, then a run a line. */
import type { TracedRun, TraceHead } from '../../../protocol/console/trace.ts';

export interface Trace {
  readonly head: TraceHead;
  /** In the order of their arrival. */
  readonly runs: readonly TracedRun[];
}

/** Undefined where the text is of another version, or no trace. A line that is cut off is left out. */
export function readTrace(text: string): Trace | undefined {
  const [first = '', ...lines] = text.split('\n');
  const head = parsed<TraceHead>(first);
  if (head?.talaria_trace !== 1) return undefined;
  return { head, runs: lines.flatMap((line) => parsed<TracedRun>(line) ?? []) };
}

function parsed<T>(line: string): T | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/**
 * When the calls of a simulation got their first tokens, and how much of their input was in a prefix
 * cache. Completion times are in summary.ts.
 */
import type { RecordedRun } from '../../src/core/runs/recorded-run.ts';
import { promptOf } from '../gpu/prompt.ts';
import type { Cluster } from './sim-backend.ts';
import type { SimCall } from './sim-endpoint.ts';
import { percentile } from './summary.ts';

/** What is measured of all model calls. */
export interface PrefixFigures {
  /** Input tokens that were in a cache, of all. */
  readonly hitRatio: number;
  /** From the submission of a call to the end of its prefill, ms. */
  readonly firstTokenMeanMs: number;
  readonly firstTokenP95Ms: number;
  /** Of each call, ascending, ms. */
  readonly firstTokensMs: readonly number[];
}

/** The same of the calls that were submitted between these times, ms. */
export interface FigureSpan {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** True where the trace has prompts that can share, or the cluster several endpoints. */
export function measuresPrefixes(trace: readonly RecordedRun[], cluster: Cluster): boolean {
  if ([...cluster.values()].some((b) => b.endpointSlots)) return true;
  return trace.some((run) => run.units.some((unit) => unit.calls.some((call) => promptOf(call))));
}

export class FirstTokens {
  readonly #submittedMs: number[] = [];
  readonly #waitedMs: number[] = [];
  #inputTokens = 0;
  #hitTokens = 0;
  readonly #afterStartsMs: number[] = [];
  #prefillMs = 0;

  /** A call's prefill ends at a time, ms; `firstMs`: its length, if it is the first after a start. */
  read(
    { record, submittedMs }: SimCall,
    atMs: number,
    hitTokens: number,
    firstMs: number | undefined,
  ): void {
    if ('service_ms' in record) return;
    if (firstMs !== undefined) {
      this.#afterStartsMs.push(atMs - submittedMs);
      this.#prefillMs += firstMs;
    }
    this.#submittedMs.push(submittedMs);
    this.#waitedMs.push(atMs - submittedMs);
    this.#inputTokens += record.input_tokens;
    this.#hitTokens += hitTokens;
  }

  get afterStarts() {
    const calls = this.#afterStartsMs.length;
    const sumMs = this.#afterStartsMs.reduce((sum, ms) => sum + ms, 0);
    const [all, prefillMs] = [Math.max(1, calls), this.#prefillMs];
    return { calls, firstTokenMeanMs: sumMs / all, prefillMeanMs: prefillMs / all };
  }

  /** Times to the first token are of the calls in the span; hits are of all. */
  figures({ fromMs, untilMs }: FigureSpan = { fromMs: 0, untilMs: Infinity }): PrefixFigures {
    const waits = this.#waitedMs
      .filter((_, i) => {
        const at = this.#submittedMs[i] ?? 0;
        return at >= fromMs && at <= untilMs;
      })
      .sort((a, b) => a - b);
    return {
      hitRatio: this.#hitTokens / Math.max(1, this.#inputTokens),
      firstTokenMeanMs: waits.reduce((sum, ms) => sum + ms, 0) / Math.max(1, waits.length),
      firstTokenP95Ms: percentile(waits, 0.95),
      firstTokensMs: waits,
    };
  }
}

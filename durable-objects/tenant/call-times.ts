/**
 * When the calls of a run waited, woke an endpoint and were served: what the format of recorded runs
 * does not have, and people want to see. Kept beside a recorded run, as rows of JSON, for as many
 * calls as are bounded here. The log that they come from is call-log.ts.
 */

import * as z from 'zod/mini';
import { RecentMap } from '../../src/core/runs/recent-map.ts';

/** Calls of a run whose times are kept, the first. */
const MOST_TIMED = 200;
/** Calls of all runs in flight whose times are held in memory. */
const MOST_HELD = 5_000;
/** Characters of a run's times beyond which none are kept. */
const MOST_CHARS = 60_000;

/** Times are ms; those that no event gave are null. */
export interface CallTimes {
  readonly call: string;
  readonly requestId: string | null;
  readonly unit: string;
  readonly backend: string;
  /** The endpoint of its last attempt. */
  readonly endpoint: string | null;
  readonly attempts: number;
  readonly outcome: 'succeeded' | 'failed' | 'cancelled' | 'refused' | 'running';
  /** Epoch ms, as the next two. */
  readonly arrivedAt: number;
  /** When its last attempt got its slot. */
  readonly grantedAt: number | null;
  readonly endedAt: number | null;
  /** Of its wait, the time in which no endpoint was warm. */
  readonly coldMs: number;
  /** From the slot to the first byte of the answer. */
  readonly firstByteMs: number | null;
  readonly inputTokens: number | null;
  readonly cachedTokens: number | null;
  readonly outputTokens: number | null;
}

/** The times of the ended calls of runs in flight, in memory: those of a run that was quiet go first. */
export class RunTimes {
  readonly #ofRun = new RecentMap<Map<string, CallTimes>>(Infinity);
  #held = 0;

  /** Adds a call that has ended; once more replaces what is known of it. */
  add(runId: string, times: CallTimes): void {
    const calls = this.#ofRun.get(runId) ?? new Map<string, CallTimes>();
    this.#ofRun.set(runId, calls);
    if (calls.size >= MOST_TIMED && !calls.has(times.call)) return;
    this.#held -= calls.size;
    calls.set(times.call, times);
    this.#held += calls.size;
    for (const [oldest] of this.#ofRun.entries()) {
      if (this.#held <= MOST_HELD) return;
      this.take(oldest);
    }
  }

  of(runId: string): CallTimes[] {
    return [...(this.#ofRun.get(runId)?.values() ?? [])];
  }

  /** The same, and forgets them. */
  take(runId: string): CallTimes[] {
    const times = this.of(runId);
    this.#held -= times.length;
    this.#ofRun.delete(runId);
    return times;
  }

  clear(): void {
    for (const [runId] of this.#ofRun.entries()) this.#ofRun.delete(runId);
    this.#held = 0;
  }
}

const OUTCOMES = ['succeeded', 'failed', 'cancelled', 'refused', 'running'] as const;
const count = z.nullable(z.number());
/** The fields of a row, in their order. */
const row = z.object({
  call: z.string(),
  requestId: z.nullable(z.string()),
  unit: z.string(),
  backend: z.string(),
  endpoint: z.nullable(z.string()),
  attempts: z.number(),
  outcome: z.number(),
  arrivedAt: z.number(),
  grantedAt: count,
  endedAt: count,
  coldMs: z.number(),
  firstByteMs: count,
  inputTokens: count,
  cachedTokens: count,
  outputTokens: count,
});
const FIELDS = Object.keys(row.shape) as ReadonlyArray<keyof z.infer<typeof row>>;
const rows = z.array(z.array(z.unknown()));

/** As text: one row a call, with times from the run's arrival; undefined for none or too many. */
export function writeTimes(calls: readonly CallTimes[], startMs: number): string | undefined {
  if (calls.length === 0) return undefined;
  const since = (at: number | null) => (at === null ? null : Math.round(at - startMs));
  const rows = calls.map((call) => {
    const told = {
      ...call,
      outcome: OUTCOMES.indexOf(call.outcome),
      arrivedAt: since(call.arrivedAt),
      grantedAt: since(call.grantedAt),
      endedAt: since(call.endedAt),
    };
    return FIELDS.map((field) => told[field]);
  });
  const text = JSON.stringify(rows);
  return text.length > MOST_CHARS ? undefined : text;
}

/** Reads them; none where a later version wrote something else. */
export function readTimes(text: string | undefined, startMs: number): CallTimes[] {
  const found = rows.safeParse(text === undefined ? undefined : JSON.parse(text));
  if (!found.success || found.data.some(({ length }) => length !== FIELDS.length)) return [];
  const named = found.data.map((r) => Object.fromEntries(FIELDS.map((field, i) => [field, r[i]])));
  const parsed = z.array(row).safeParse(named);
  if (!parsed.success) return [];
  const at = (since: number | null) => (since === null ? null : startMs + since);
  return parsed.data.map((r) => ({
    ...r,
    outcome: OUTCOMES[r.outcome] ?? 'failed',
    arrivedAt: startMs + r.arrivedAt,
    grantedAt: at(r.grantedAt),
    endedAt: at(r.endedAt),
  }));
}

/** Replays recorded runs by real HTTP, as their clients would send them, at a time scale. */
import type { CallRecord, RecordedRun, VisitRecord } from '../src/core/runs/recorded-run.ts';

/** Four characters a token: the estimate of the dispatcher and of the emulated endpoint. */
const TOKEN = 'word';

export interface ReplayOptions {
  readonly url: string;
  readonly apiKey: string;
  readonly model: string;
  /** Model ms that pass in one real ms. */
  readonly timeScale: number;
  readonly onProgress: (finished: number, failed: number) => void;
}

export interface ReplayedRun {
  readonly run: RecordedRun;
  /** Model ms from arrival to the end of the last call; undefined if the run failed. */
  readonly completionMs: number | undefined;
}

export interface ReplayResult {
  readonly runs: readonly ReplayedRun[];
  /** Calls that waited while no endpoint of their backend was warm, and the sum of those waits. */
  readonly coldCalls: number;
  readonly coldWaitMs: number;
}

export async function replay(
  runs: readonly RecordedRun[],
  options: ReplayOptions,
): Promise<ReplayResult> {
  const client = new ReplayClient(options);
  const startedAt = performance.now();
  let finished = 0;
  let failed = 0;
  const replayed = await Promise.all(
    runs.map(async (run): Promise<ReplayedRun> => {
      const atMs = run.arrival_ms / options.timeScale;
      await sleep(startedAt + atMs - performance.now());
      const ok = await client.run(run);
      if (ok) finished += 1;
      else failed += 1;
      options.onProgress(finished, failed);
      const tookMs = performance.now() - startedAt - atMs;
      return { run, completionMs: ok ? tookMs * options.timeScale : undefined };
    }),
  );
  return { runs: replayed, coldCalls: client.coldCalls, coldWaitMs: client.coldWaitMs };
}

/** Sends the calls of recorded runs. */
export class ReplayClient {
  readonly #options: ReplayOptions;
  coldCalls = 0;
  coldWaitMs = 0;

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  /** Sends all visits in order; false if a call failed. */
  async run(run: RecordedRun): Promise<boolean> {
    const { url, timeScale } = this.#options;
    for (const visit of run.units) {
      const answers = await Promise.all(visit.calls.map((call) => this.#call(run, visit, call)));
      if (answers.includes(false)) return false;
      if (visit !== run.units.at(-1)) await sleep((visit.gap_ms ?? 0) / timeScale);
    }
    const finish = `${url}/v1/runs/${encodeURIComponent(run.run)}/finish`;
    void fetch(finish, { method: 'POST', headers: this.#headers(run) }).catch(() => {});
    return true;
  }

  async #call(run: RecordedRun, visit: VisitRecord, call: CallRecord): Promise<boolean> {
    const { url, model, timeScale } = this.#options;
    const headers = { ...this.#headers(run), 'x-talaria-unit': visit.unit };
    const request =
      'service_ms' in call
        ? {
            path: `/backends/${encodeURIComponent(visit.backend)}/run`,
            body: { service_ms: call.service_ms },
          }
        : {
            path: '/chat/completions',
            body: {
              model,
              stream: true,
              max_tokens: call.output_tokens,
              messages: [{ role: 'user', content: TOKEN.repeat(call.input_tokens) }],
            },
          };
    try {
      const answer = await fetch(`${url}/v1${request.path}`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify(request.body),
      });
      const text = await answer.text();
      const coldMs = Number(answer.headers.get('x-talaria-cold-ms') ?? 0);
      if (coldMs > 0) this.coldCalls += 1;
      this.coldWaitMs += coldMs * timeScale;
      return answer.ok && !text.includes('data: {"error"');
    } catch {
      return false;
    }
  }

  #headers(run: RecordedRun): Record<string, string> {
    return {
      authorization: `Bearer ${this.#options.apiKey}`,
      'x-talaria-app': run.app,
      'x-talaria-run': run.run,
    };
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}

/** Reads streams of chat completions and completions: chunks of `choices`, then `[DONE]`. */
import { StreamUsage, type Usage } from '../usage.ts';
import type { StreamReader, StreamState } from './answer-format.ts';

const FINISH = /"finish_reason"\s*:\s*"/;
const ERROR = /^\s*\{\s*"error"\s*:\s*[{"]/;
/** Most answers of one call whose ends are told apart; a stream of more ends with `[DONE]` only. */
const MAX_CHOICES = 1_024;
/** Most events that are parsed for the ends of answers. */
const MAX_PARSED = 4 * MAX_CHOICES;
const DONE = '[DONE]';

export class OpenAiStream implements StreamReader {
  readonly #choices: number;
  readonly #finished = new Set<number>();
  #done = false;
  #failed = false;
  #parsed = 0;
  readonly #usage = new StreamUsage();
  pieces = 0;

  /** `choices`: number of answers requested. */
  constructor(choices: number) {
    this.#choices = choices;
  }

  /** Some servers never send `[DONE]`: a finish reason for each choice ends the stream as well. */
  get state(): StreamState {
    if (this.#failed) return 'failed';
    return this.#done || this.#isFinished ? 'complete' : 'open';
  }

  get usage(): Usage | undefined {
    return this.#usage.usage;
  }

  read(_name: string | undefined, data: string): void {
    if (data.includes(DONE) && data.trim() === DONE) {
      this.#done = true;
      return;
    }
    this.pieces += 1;
    // Shorter than anything that is looked for.
    if (data.length < DONE.length) return;
    if (data.includes('"error"') && ERROR.test(data)) this.#failed = true;
    this.#usage.push(data);
    if (this.#isFinished || this.#parsed >= MAX_PARSED || !FINISH.test(data)) return;
    this.#parsed += 1;
    this.#finish(data);
  }

  get #isFinished(): boolean {
    return this.#finished.size >= this.#choices;
  }

  #finish(text: string): void {
    try {
      const { choices } = JSON.parse(text);
      for (const choice of Array.isArray(choices) ? choices : []) {
        if (typeof choice?.finish_reason !== 'string') continue;
        const index = choice.index ?? 0;
        // An endpoint may invent any number of indices.
        if (Number.isInteger(index) && index < MAX_CHOICES) this.#finished.add(index);
      }
    } catch {
      // Not JSON, or an event too long to keep: it finishes no choice.
    }
  }
}

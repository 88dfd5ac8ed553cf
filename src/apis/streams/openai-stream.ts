/** Reads streams of chat completions and completions: chunks of `choices`, then `[DONE]`. */
import { type Usage, usageIn } from '../usage.ts';
import type { StreamReader, StreamState } from './answer-format.ts';

const FINISH = /"finish_reason"\s*:\s*"/;
/** Most answers of one call whose ends are told apart; a stream of more ends with `[DONE]` only. */
const MAX_CHOICES = 1_024;

export class OpenAiStream implements StreamReader {
  readonly #choices: number;
  readonly #finished = new Set<number>();
  #done = false;
  #failed = false;
  usage: Usage | undefined;
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

  read(_name: string | undefined, data: string): void {
    const text = data.trim();
    if (text === '[DONE]') {
      this.#done = true;
      return;
    }
    this.pieces += 1;
    if (/^\{\s*"error"\s*:\s*[{"]/.test(text)) this.#failed = true;
    if (text.includes('"usage"')) this.usage = usageIn(text) ?? this.usage;
    if (!this.#isFinished && FINISH.test(text)) this.#finish(text);
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

/**
 * A prompt as a trace describes it: parts of endless texts, of which each is known by its name
 * throughout the file. Two prompts have in common part by part the shorter of the two while the text
 * is the same, and the next part only where both parts are equally long. A trace holds no text.
 */
import type { CallRecord, LlmCallRecord } from '../../src/core/runs/recorded-run.ts';

/** The first `tokens` tokens of a text. */
export type PromptPart = readonly [text: string, tokens: number];

/** A model call of a trace; one without `prefix` shares nothing. */
interface TraceCall extends LlmCallRecord {
  readonly prefix?: readonly PromptPart[];
}

/** The parts of a call's prompt; undefined where it shares nothing. */
export function promptOf(call: CallRecord): readonly PromptPart[] | undefined {
  return 'service_ms' in call ? undefined : (call as TraceCall).prefix;
}

/** Numbers the beginnings of prompts, so that a block of a prompt is known by two numbers. */
export class PromptNames {
  readonly #names = new Map<string, number>();

  /**
   * For each part, the number of its text with all parts before it, and where it ends, tokens. The
   * same number and the same place are the same tokens, with the same tokens before them.
   */
  beginningsOf(parts: readonly PromptPart[]): Array<{ name: number; end: number }> {
    let before = '';
    let end = 0;
    return parts.map(([text, tokens]) => {
      const name = this.#nameOf(`${before}\n${text}`);
      end += tokens;
      before = `${name} ${tokens}`;
      return { name, end };
    });
  }

  #nameOf(beginning: string): number {
    const known = this.#names.get(beginning);
    if (known !== undefined) return known;
    this.#names.set(beginning, this.#names.size);
    return this.#names.size - 1;
  }
}

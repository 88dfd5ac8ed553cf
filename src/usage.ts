/**
 * Reads token counts from an answer as it goes by, without holding it up and without keeping it: of
 * a stream the last line that is not complete, of a plain answer its tail. Also tells whether a
 * stream came to its own end (`[DONE]`), which a connection that was cut did not.
 */

export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** Usage stands at the end of an answer; of what comes before nothing is kept. */
const TAIL_CHARS = 16_384;
/** A line longer than this holds content, not usage. */
const MAX_LINE_CHARS = 65_536;

/** Reads a server-sent stream. */
export class StreamUsage {
  readonly #decoder = new TextDecoder();
  #line = '';
  /** Events that carried content: an estimate of the output tokens where no usage came. */
  events = 0;
  #done = false;
  usage: Usage | undefined;

  push(bytes: Uint8Array): void {
    const text = this.#line + this.#decoder.decode(bytes, { stream: true });
    const lines = text.split('\n');
    this.#line = (lines.pop() ?? '').slice(0, MAX_LINE_CHARS);
    for (const line of lines) this.#read(line);
  }

  /** The connection has ended; true where the stream had come to its own end (`[DONE]`). */
  end(): boolean {
    this.#read(this.#line);
    this.#line = '';
    return this.#done;
  }

  #read(line: string): void {
    if (!line.startsWith('data:')) return;
    const data = line.slice(5).trim();
    if (data === '[DONE]') {
      this.#done = true;
      return;
    }
    this.events += 1;
    if (data.includes('"usage"')) this.usage = usageOf(data) ?? this.usage;
  }
}

/** Reads a plain JSON answer. */
export class PlainUsage {
  readonly #decoder = new TextDecoder();
  #tail = '';

  push(bytes: Uint8Array): void {
    this.#tail = (this.#tail + this.#decoder.decode(bytes, { stream: true })).slice(-TAIL_CHARS);
  }

  get usage(): Usage | undefined {
    const at = this.#tail.lastIndexOf('"usage"');
    const open = at < 0 ? -1 : this.#tail.indexOf('{', at);
    if (open < 0) return undefined;
    let depth = 0;
    for (let i = open; i < this.#tail.length; i += 1) {
      if (this.#tail[i] === '{') depth += 1;
      if (this.#tail[i] === '}') depth -= 1;
      if (depth === 0) return usageOf(`{"usage":${this.#tail.slice(open, i + 1)}}`);
    }
    return undefined;
  }
}

/** True for the extra chunk that carries usage only. */
export function isUsageChunk(event: string): boolean {
  return event.includes('"usage"') && /"choices"\s*:\s*\[\s*\]/.test(event);
}

function usageOf(json: string): Usage | undefined {
  try {
    const { usage } = JSON.parse(json);
    const input = Number(usage?.prompt_tokens ?? usage?.input_tokens);
    const output = Number(usage?.completion_tokens ?? usage?.output_tokens ?? 0);
    if (!Number.isFinite(input) || !Number.isFinite(output)) return undefined;
    return { inputTokens: input, outputTokens: output };
  } catch {
    return undefined;
  }
}

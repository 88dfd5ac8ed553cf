/** Reads streams of Anthropic's messages: input tokens come first, output tokens at the end. */
import { StreamUsage, type Usage } from '../usage.ts';
import type { StreamReader, StreamState } from './answer-format.ts';

const TYPE = /"type"\s*:\s*"(message_\w+|content_block_\w+|ping|error)"/;
const STOP = /"stop_reason"\s*:\s*"/;

export class MessagesStream implements StreamReader {
  state: StreamState = 'open';
  pieces = 0;
  readonly #atStart = new StreamUsage();
  readonly #atEnd = new StreamUsage();

  read(name: string | undefined, data: string): void {
    switch (name ?? TYPE.exec(data)?.[1]) {
      case 'content_block_delta':
        this.pieces += 1;
        break;
      case 'message_start':
        this.#atStart.push(data);
        break;
      case 'message_delta':
        this.#atEnd.push(data);
        if (STOP.test(data)) this.#end('complete');
        break;
      case 'message_stop':
        this.#end('complete');
        break;
      case 'error':
        this.#end('failed');
        break;
      default:
    }
  }

  /**
   * At the end some servers repeat the input tokens, some report them as 0, some not at all; some
   * know the cached part only then. Every count of the input includes all of it, so the largest is
   * the whole.
   */
  get usage(): Usage | undefined {
    const [first, last] = [this.#atStart.usage, this.#atEnd.usage];
    if (!first || !last) return last ?? first;
    return { ...first, ...last, ...larger(first, last, 'inputTokens', 'cachedTokens') };
  }

  #end(state: StreamState): void {
    if (this.state !== 'failed') this.state = state;
  }
}

/** The larger value of each field that either tells. */
function larger(a: Usage, b: Usage, ...fields: ReadonlyArray<keyof Usage>): Usage {
  const told = fields.filter((field) => a[field] !== undefined || b[field] !== undefined);
  return Object.fromEntries(told.map((field) => [field, Math.max(a[field] ?? 0, b[field] ?? 0)]));
}

/** Reads streams of Anthropic's messages: input tokens come first, output tokens at the end. */
import { errorIn, parsed } from '../../http/foreign-error.ts';
import { StreamUsage, type Usage } from '../usage.ts';
import type { StreamReader, StreamState } from './answer-format.ts';
import { MESSAGES_EVENTS, meaningsOf, STOP_REASON } from './stream-words.ts';

const TYPE = /"type"\s*:\s*"(message_\w+|content_block_\w+|ping|error)"/;
const MEANING = meaningsOf(MESSAGES_EVENTS);
/** Most events without a known name that are searched for an error. */
const MAX_PARSED = 4_096;

export class MessagesStream implements StreamReader {
  state: StreamState = 'open';
  isOver = false;
  hasContent = false;
  pieces = 0;
  #parsed = 0;
  readonly #atStart = new StreamUsage();
  readonly #atEnd = new StreamUsage();

  read(name: string | undefined, data: string): void {
    if (this.state === 'failed') return;
    // Proxies may leave the name out, or write one of their own: then the type tells.
    let meaning = name === undefined ? undefined : MEANING(name);
    meaning ??= MEANING(TYPE.exec(data)?.[1] ?? '') ?? this.#unnamed(data);
    switch (meaning) {
      case 'start':
        this.#atStart.push(data);
        break;
      case 'content':
        this.hasContent = true;
        if (data.includes('delta')) this.pieces += 1;
        break;
      case 'finish':
        this.hasContent = true;
        this.#atEnd.push(data);
        if (STOP_REASON.test(data)) this.state = 'complete';
        break;
      case 'end':
        this.state = 'complete';
        this.isOver = true;
        break;
      case 'fault':
        this.state = 'failed';
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

  /** An engine behind this API may report errors in OpenAI's form. */
  #unnamed(data: string): 'fault' | undefined {
    if (!data.includes('"error"') || this.#parsed >= MAX_PARSED) return undefined;
    this.#parsed += 1;
    return errorIn(parsed(data)) ? 'fault' : undefined;
  }
}

/** The larger value of each field that either tells. */
function larger(a: Usage, b: Usage, ...fields: ReadonlyArray<keyof Usage>): Usage {
  const told = fields.filter((field) => a[field] !== undefined || b[field] !== undefined);
  return Object.fromEntries(told.map((field) => [field, Math.max(a[field] ?? 0, b[field] ?? 0)]));
}

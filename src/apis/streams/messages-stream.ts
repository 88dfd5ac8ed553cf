/** Reads streams of Anthropic's messages: input tokens come first, output tokens at the end. */
import { type Usage, usageIn } from '../usage.ts';
import type { StreamReader, StreamState } from './answer-format.ts';

const TYPE = /"type"\s*:\s*"(message_\w+|content_block_\w+|ping|error)"/;
const STOP = /"stop_reason"\s*:\s*"/;

export class MessagesStream implements StreamReader {
  state: StreamState = 'open';
  usage: Usage | undefined;
  pieces = 0;

  read(name: string | undefined, data: string): void {
    switch (name ?? TYPE.exec(data)?.[1]) {
      case 'content_block_delta':
        this.pieces += 1;
        break;
      case 'message_start':
        this.#count(data);
        break;
      case 'message_delta':
        this.#count(data);
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

  /** At the end some servers repeat the input tokens, some report them as 0, some not at all. */
  #count(data: string): void {
    const reported = usageIn(data);
    const input = reported?.inputTokens || this.usage?.inputTokens;
    const output = reported?.outputTokens ?? this.usage?.outputTokens;
    this.usage = {
      ...(input === undefined ? {} : { inputTokens: input }),
      ...(output === undefined ? {} : { outputTokens: output }),
    };
  }

  #end(state: StreamState): void {
    if (this.state !== 'failed') this.state = state;
  }
}

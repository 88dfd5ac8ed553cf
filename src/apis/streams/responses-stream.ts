/** Streams of the Responses API: typed events, the last of which holds the whole response. */
import { type Usage, usageIn } from '../usage.ts';
import type { StreamReader, StreamState } from './answer-format.ts';

/** Found by its key, since an event may be too long to be kept whole. */
const TYPE = /"type"\s*:\s*"(response\.[\w.]+|error)"/;
const SEQUENCE = /"sequence_number"\s*:\s*(\d+)/;

export class ResponsesStream implements StreamReader {
  state: StreamState = 'open';
  usage: Usage | undefined;
  pieces = 0;
  #last = '';

  get sequence(): number | undefined {
    const told = SEQUENCE.exec(this.#last)?.[1];
    return told === undefined ? undefined : Number(told);
  }

  read(name: string | undefined, data: string): void {
    const type = name ?? TYPE.exec(data)?.[1] ?? '';
    if (type.startsWith('response.')) this.#last = data;
    if (type.endsWith('.delta')) this.pieces += 1;
    switch (type) {
      case 'response.completed':
      case 'response.incomplete':
      case 'response.cancelled':
        this.state = 'complete';
        break;
      case 'response.failed':
      case 'error':
        this.state = 'failed';
        break;
      default:
        return;
    }
    this.usage = usageIn(data) ?? this.usage;
  }
}

/** Reads streams of the Responses API: typed events, the last of which has the whole response. */
import { StreamUsage, type Usage } from '../usage.ts';
import type { StreamReader, StreamState } from './answer-format.ts';

/** A search for the key, since an event may be too long to be kept whole. */
const TYPE = /"type"\s*:\s*"(response\.[\w.]+|error)"/;
const SEQUENCE = /"sequence_number"\s*:\s*(\d+)/;

export class ResponsesStream implements StreamReader {
  state: StreamState = 'open';
  pieces = 0;
  readonly #usage = new StreamUsage();
  #lastEvent = '';

  get usage(): Usage | undefined {
    return this.#usage.usage;
  }

  get sequence(): number | undefined {
    const reported = SEQUENCE.exec(this.#lastEvent)?.[1];
    return reported === undefined ? undefined : Number(reported);
  }

  read(name: string | undefined, data: string): void {
    const type = name ?? TYPE.exec(data)?.[1] ?? '';
    if (type.startsWith('response.')) this.#lastEvent = data;
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
    this.#usage.push(data);
  }
}

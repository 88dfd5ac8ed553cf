/** Reads streams of the Responses API: typed events, the last of which has the whole response. */
import { errorIn, parsed } from '../../http/foreign-error.ts';
import { StreamUsage, type Usage } from '../usage.ts';
import type { StreamReader, StreamState } from './answer-format.ts';
import { type EventMeaning, meaningsOf, RESPONSES_EVENTS } from './stream-words.ts';

/** A search for the key, since an event may be too long to be kept whole. */
const TYPE = /"type"\s*:\s*"(response\.[\w.]+)"/;
const SEQUENCE = /"sequence_number"\s*:\s*(\d+)/;
const MEANING = meaningsOf(RESPONSES_EVENTS);
/** Most events without a known name that are searched for an error. */
const MAX_PARSED = 4_096;

export class ResponsesStream implements StreamReader {
  state: StreamState = 'open';
  isOver = false;
  hasContent = false;
  pieces = 0;
  readonly #usage = new StreamUsage();
  #parsed = 0;
  #lastEvent = '';

  get usage(): Usage | undefined {
    return this.#usage.usage;
  }

  get sequence(): number | undefined {
    const reported = SEQUENCE.exec(this.#lastEvent)?.[1];
    return reported === undefined ? undefined : Number(reported);
  }

  read(name: string | undefined, data: string): void {
    if (this.state === 'failed') return;
    // Proxies may leave the name out, or write one of their own: then the type tells.
    const isNamed = name !== undefined && (name.startsWith('response.') || MEANING(name));
    const type = isNamed ? name : (TYPE.exec(data)?.[1] ?? '');
    if (type.startsWith('response.')) this.#lastEvent = data;
    if (type.endsWith('.delta')) this.pieces += 1;
    switch (MEANING(type) ?? this.#meaningOf(type, data)) {
      case 'content':
        this.hasContent = true;
        return;
      case 'end':
        this.hasContent = true;
        this.isOver = true;
        this.state = 'complete';
        break;
      case 'fault':
        this.state = 'failed';
        break;
      default:
        return;
    }
    this.#usage.push(data);
  }

  #meaningOf(type: string, data: string): EventMeaning | undefined {
    if (type.startsWith('response.')) return 'content';
    if (!data.includes('"error"') || this.#parsed >= MAX_PARSED) return undefined;
    this.#parsed += 1;
    return errorIn(parsed(data)) ? 'fault' : undefined;
  }
}

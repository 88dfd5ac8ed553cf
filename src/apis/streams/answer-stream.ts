/**
 * Reads a server-sent answer while it is relayed: each event passes byte for byte as soon as it is
 * complete. Only an incomplete event is held back, which no client could read yet, so that a stream
 * that breaks off within an event can still report the fault in order. OpenAI's extra usage chunk
 * is removed where only Talaria asked for it. Events are delimited in `event-splitter.ts`.
 */

import type { ApiError } from '../../http/errors.ts';
import { hasKey, withoutKey } from '../../http/key-mask.ts';
import { isUsageChunk, type Usage } from '../usage.ts';
import {
  type AnswerFormat,
  faultEvent,
  type StreamReader,
  type StreamState,
} from './answer-format.ts';
import { EventSplitter, eventOf } from './event-splitter.ts';
import { MessagesStream } from './messages-stream.ts';
import { OpenAiStream } from './openai-stream.ts';
import { ResponsesStream } from './responses-stream.ts';

/** A longer event is content: it is passed on without waiting for its end. */
const MAX_HELD_BYTES = 65_536;
/** How much of the beginning and of the end of such an event is read. */
const HEAD_CHARS = 1_024;
const TAIL_CHARS = 16_384;

export interface StreamKind {
  readonly format: Exclude<AnswerFormat, 'opaque'>;
  /** Talaria asked for usage and the client did not: the usage chunk is removed. */
  readonly stripUsage: boolean;
  /** Number of answers requested in one call, OpenAI's `n`. */
  readonly choices?: number | undefined;
  /** The endpoint's key, which is removed from the errors that it reports in its stream. */
  readonly key?: string | undefined;
}

export class AnswerStream {
  readonly #kind: StreamKind;
  readonly #splitter = new EventSplitter();
  readonly #reader: StreamReader;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  /** Set in the middle of an event that is too long to hold. */
  #long: LongEvent | undefined;
  /** The last event was passed on, so the late half of its line end is too. */
  #keptLast = true;

  constructor(kind: StreamKind) {
    this.#kind = kind;
    this.#reader = readerFor(kind);
  }

  get usage(): Usage | undefined {
    return this.#reader.usage;
  }

  get pieces(): number {
    return this.#reader.pieces;
  }

  /** Takes the next bytes of the answer and returns those that may be passed on now. */
  push(bytes: Uint8Array): Uint8Array {
    const kept: Uint8Array[] = [];
    const heldBefore = this.#heldBytes;
    let start = 0;
    for (const { end, what } of this.#splitter.push(bytes)) {
      const piece = bytes.subarray(start, end);
      start = end;
      if (what === 'event') kept.push(...this.#endEvent(piece));
      else if (what === 'comment' || this.#keptLast) kept.push(piece);
    }
    if (start < bytes.length) kept.push(...this.#hold(bytes.subarray(start)));
    // The bytes of an error may be others than those that came.
    const isAsItCame = heldBefore === 0 && this.#reader.state !== 'failed';
    return joined(kept, isAsItCame ? bytes : undefined);
  }

  /** Call when the connection has ended: the state, and the bytes left to pass on. */
  end(): { state: StreamState; rest: Uint8Array } {
    const rest = joined(this.#endEvent(new Uint8Array(0)));
    const { state } = this.#reader;
    // Half an event is useless where the event of a fault has to follow it.
    return { state, rest: state === 'open' ? new Uint8Array(0) : rest };
  }

  /** The bytes that report a broken stream to the client, at whatever point it broke off. */
  fault(error: ApiError): Uint8Array {
    const event = faultEvent(this.#kind.format, error, this.#reader.sequence);
    return new TextEncoder().encode(`\n\n${event}`);
  }

  /** Ends an event with `piece`: its bytes that are not passed on yet, or none if it is removed. */
  #endEvent(piece: Uint8Array): Uint8Array[] {
    if (this.#long) {
      this.#long.push(piece);
      this.#read(this.#long.text);
      this.#long = undefined;
      this.#keptLast = true;
      return [piece];
    }
    const parts = [...this.#held, piece];
    this.#held = [];
    this.#heldBytes = 0;
    const text = new TextDecoder().decode(joined(parts));
    const data = this.#read(text);
    this.#keptLast = !(this.#kind.stripUsage && data !== undefined && isUsageChunk(data));
    if (!this.#keptLast) return [];
    if (this.#reader.state !== 'failed' || !hasKey(text, this.#kind.key)) return parts;
    return [new TextEncoder().encode(withoutKey(text, this.#kind.key))];
  }

  #read(text: string): string | undefined {
    const { name, data } = eventOf(text);
    if (data !== undefined) this.#reader.read(name, data);
    return data;
  }

  /** Holds the beginning of an event; returns comments before its first field, and long events. */
  #hold(piece: Uint8Array): Uint8Array[] {
    if (!this.#splitter.inEvent) return [piece];
    if (this.#long) {
      this.#long.push(piece);
      return [piece];
    }
    this.#held.push(piece);
    this.#heldBytes += piece.length;
    if (this.#heldBytes <= MAX_HELD_BYTES) return [];
    const passed = this.#held;
    this.#long = new LongEvent();
    for (const part of passed) this.#long.push(part);
    this.#held = [];
    this.#heldBytes = 0;
    return passed;
  }
}

/** The beginning and the end of an event that is not kept whole. */
class LongEvent {
  readonly #decoder = new TextDecoder();
  #head = '';
  #tail = '';

  push(bytes: Uint8Array): void {
    const text = this.#decoder.decode(bytes, { stream: true });
    const room = HEAD_CHARS - this.#head.length;
    this.#head += text.slice(0, room);
    this.#tail = (this.#tail + text.slice(Math.max(0, room))).slice(-TAIL_CHARS);
  }

  get text(): string {
    return this.#head + this.#tail;
  }
}

function readerFor({ format, choices }: StreamKind): StreamReader {
  switch (format) {
    case 'responses':
      return new ResponsesStream();
    case 'messages':
      return new MessagesStream();
    default:
      return new OpenAiStream(choices ?? 1);
  }
}

/** The parts in one piece: `whole`, which they are parts of, where none of it is missing. */
function joined(parts: readonly Uint8Array[], whole?: Uint8Array): Uint8Array {
  const [first] = parts;
  if (parts.length === 1 && first) return first;
  const length = parts.reduce((n, part) => n + part.length, 0);
  if (length === whole?.length) return whole;
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

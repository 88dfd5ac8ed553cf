/**
 * Reads a server-sent answer while it is relayed: each event passes byte for byte as soon as it is
 * complete. Only an incomplete event is held back, which no client could read yet, so that a stream
 * that breaks off within an event can still report the fault in order. OpenAI's extra usage chunk
 * is removed where only Talaria asked for it. Events are delimited in `event-splitter.ts`.
 */

import type { ApiError } from '../../http/errors.ts';
import { hasKey, withoutKey } from '../../http/key-mask.ts';
import { TextTail } from '../text-tail.ts';
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

const EMPTY = new Uint8Array(0);
/** For whole events, each decoded by itself. */
const DECODER = new TextDecoder();
const ENCODER = new TextEncoder();

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
  /** The beginning of an event whose end has not arrived. */
  readonly #held = new HeldBytes();
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
    const splitter = this.#splitter;
    const passed: Uint8Array[] = [];
    /** All bytes before it are passed on or left out. */
    let from = 0;
    splitter.begin();
    for (let cut = splitter.next(bytes, 0); cut; cut = splitter.next(bytes, cut.end)) {
      const instead =
        cut.what === 'event' ? this.#endEvent(bytes.subarray(cut.start, cut.end)) : EMPTY;
      if (!this.#keptLast) {
        if (cut.start > from) passed.push(bytes.subarray(from, cut.start));
        from = cut.end;
      }
      if (instead.length > 0) passed.push(instead);
    }
    const end = splitter.inEvent ? Math.max(from, splitter.eventStart) : bytes.length;
    if (from === 0 && end === bytes.length && passed.length === 0) return bytes;
    if (end > from) passed.push(bytes.subarray(from, end));
    if (end < bytes.length) passed.push(...this.#hold(bytes.subarray(end)));
    return joined(passed);
  }

  /** Call when the connection has ended: the state, and the bytes left to pass on. */
  end(): { state: StreamState; rest: Uint8Array } {
    const rest = this.#endEvent(EMPTY);
    const { state } = this.#reader;
    // Half an event is useless where the event of a fault has to follow it.
    return { state, rest: state === 'open' ? EMPTY : rest };
  }

  /** The bytes that report a broken stream to the client, at whatever point it broke off. */
  fault(error: ApiError): Uint8Array {
    const event = faultEvent(this.#kind.format, error, this.#reader.sequence);
    return ENCODER.encode(`\n\n${event}`);
  }

  /**
   * Ends an event with `piece`, and decides whether it is passed on as it came. Returns its beginning
   * that was held until now, if so; where the endpoint's key is taken out of it, all that replaces it.
   */
  #endEvent(piece: Uint8Array): Uint8Array {
    this.#keptLast = true;
    if (this.#long) {
      this.#long.push(piece);
      this.#read(this.#long.text);
      this.#long = undefined;
      return EMPTY;
    }
    const held = this.#held.take();
    const text = DECODER.decode(joined([held, piece]));
    const data = this.#read(text);
    this.#keptLast = !(this.#kind.stripUsage && data !== undefined && isUsageChunk(data));
    if (!this.#keptLast) return EMPTY;
    if (this.#reader.state !== 'failed' || !hasKey(text, this.#kind.key)) return held;
    // The event of an error is passed on in other bytes than those that came.
    this.#keptLast = false;
    return ENCODER.encode(withoutKey(text, this.#kind.key));
  }

  #read(text: string): string | undefined {
    const { name, data } = eventOf(text);
    if (data !== undefined) this.#reader.read(name, data);
    return data;
  }

  /** Holds the beginning of an event; returns the bytes of one that is too long for that. */
  #hold(piece: Uint8Array): Uint8Array[] {
    if (this.#long) {
      this.#long.push(piece);
      return [piece];
    }
    if (this.#held.length + piece.length <= MAX_HELD_BYTES) {
      this.#held.push(piece);
      return [];
    }
    this.#long = new LongEvent();
    const parts = [this.#held.take(), piece];
    for (const part of parts) this.#long.push(part);
    return parts;
  }
}

/** Bytes that arrived in pieces, in one buffer, since pieces may be single bytes. */
class HeldBytes {
  #buffer: Uint8Array = EMPTY;
  length = 0;

  push(piece: Uint8Array): void {
    const length = this.length + piece.length;
    if (length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.#buffer.length));
      grown.set(this.#buffer.subarray(0, this.length));
      this.#buffer = grown;
    }
    this.#buffer.set(piece, this.length);
    this.length = length;
  }

  /** Returns all bytes, and holds none any more. */
  take(): Uint8Array {
    const bytes = this.#buffer.subarray(0, this.length);
    this.#buffer = EMPTY;
    this.length = 0;
    return bytes;
  }
}

/** The beginning and the end of an event that is not kept whole. */
class LongEvent {
  readonly #decoder = new TextDecoder();
  #head = '';
  readonly #tail = new TextTail(TAIL_CHARS);

  push(bytes: Uint8Array): void {
    const text = this.#decoder.decode(bytes, { stream: true });
    const room = Math.max(0, HEAD_CHARS - this.#head.length);
    if (room > 0) this.#head += text.slice(0, room);
    this.#tail.push(text.slice(room));
  }

  get text(): string {
    return this.#head + this.#tail.text;
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

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const full = parts.filter((part) => part.length > 0);
  if (full.length <= 1) return full[0] ?? EMPTY;
  const all = new Uint8Array(full.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of full) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * Reads a server-sent answer while it is relayed: each event passes byte for byte as soon as it is
 * complete. Only an incomplete event is held back, which no client could read yet, so that a stream
 * that breaks off within an event can still report the fault in order. Three things do not pass: what
 * follows the last event of the API, OpenAI's extra usage chunk where only Talaria asked for it
 * (`taken-usage.ts`), and the endpoint's key in the errors that it reports. Events are delimited in
 * `event-splitter.ts`, what they say is in `stream-reading.ts`.
 */
import { ENCODER } from '../../http/encoder.ts';
import type { ApiError } from '../../http/errors.ts';
import { joinedBytes } from '../../http/joined-bytes.ts';
import { latinBytes, latinText } from '../latin-text.ts';
import { faultEvent, type StreamState } from './answer-format.ts';
import { ErrorMask } from './error-mask.ts';
import { EventSplitter, eventOf } from './event-splitter.ts';
import { HeldBytes, LongEvent } from './held-bytes.ts';
import { type StreamKind, StreamReading } from './stream-reading.ts';
import { TakenUsage } from './taken-usage.ts';

/** A longer event is content: it is passed on without waiting for its end. */
const MAX_HELD_BYTES = 65_536;

const EMPTY: Uint8Array = new Uint8Array(0);

export class AnswerStream extends StreamReading {
  readonly #splitter = new EventSplitter();
  readonly #mask: ErrorMask;
  /** The beginning of an event whose end has not arrived. */
  readonly #held = new HeldBytes();
  /** Set in the middle of an event that is too long to hold. */
  #long: LongEvent | undefined;
  /** The last event was passed on, so the late half of its line end is too. */
  #keptLast = true;
  /** Set where usage chunks are taken out. */
  readonly #taken: TakenUsage | undefined;
  #isOver = false;

  constructor(kind: StreamKind) {
    super(kind);
    this.#mask = new ErrorMask(kind.key);
    this.#taken = kind.stripUsage ? new TakenUsage() : undefined;
  }

  /** Nothing more is passed on: the last event of the API is there, or a fault that is too long. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Takes the next bytes of the answer and returns those that may be passed on now. */
  push(bytes: Uint8Array): Uint8Array {
    if (this.#isOver) return EMPTY;
    const splitter = this.#splitter;
    const passed: Uint8Array[] = [];
    /** All bytes before it are passed on or left out. */
    let from = 0;
    let text: string | undefined;
    splitter.begin(bytes);
    while (splitter.next()) {
      const { start, end } = splitter;
      let instead = EMPTY;
      if (splitter.isEvent) {
        if (splitter.isSimple) {
          text ??= latinText(bytes);
          instead = this.#endSimple(text, bytes);
        } else instead = this.#endEvent(bytes.subarray(start, end));
      }
      if (this.#taken) from = this.#endWait(this.#taken, passed, bytes, from);
      if (!this.#keptLast) {
        if (start > from) passed.push(bytes.subarray(from, start));
        from = end;
      }
      if (instead.length > 0) passed.push(instead);
      // What follows a fault could let a client take the answer for a complete one.
      if (this.#isOver || this.reader.isOver || this.reader.state === 'failed') {
        passed.push(bytes.subarray(from, end));
        return this.#last(passed);
      }
    }
    const end = Math.max(from, splitter.openStart);
    if (this.#taken?.waits) this.#taken.beforeOthers(passed, bytes.subarray(from, end));
    if (from === 0 && end === bytes.length && passed.length === 0) return bytes;
    if (end > from) passed.push(bytes.subarray(from, end));
    if (end < bytes.length) passed.push(...this.#hold(bytes.subarray(end)));
    return joinedBytes(passed);
  }

  /** Call when the connection has ended: the state, and the bytes left to pass on. */
  end(): { state: StreamState; rest: Uint8Array } {
    if (this.#isOver)
      return { state: this.reader.isOver ? this.reader.state : 'failed', rest: EMPTY };
    const rest = this.#endEvent(EMPTY);
    const state = this.#isOver ? 'failed' : (this.reader.stateAtEnd ?? this.reader.state);
    // Half an event is useless where the event of a fault has to follow it.
    return { state, rest: state === 'open' ? EMPTY : joinedBytes([this.finish(), rest]) };
  }

  /** The event that finishes the answer waits for what follows it. */
  get finishWaits(): boolean {
    return this.#taken?.waits ?? false;
  }

  /** Ends that wait: the event. */
  finish(): Uint8Array {
    const taken = this.#taken;
    return taken ? joinedBytes([taken.released(), taken.release()]) : EMPTY;
  }

  /** The bytes that report a broken stream to the client, at whatever point it broke off. */
  fault(error: ApiError): Uint8Array {
    const event = faultEvent(this.kind.format, error, this.reader.sequence);
    return ENCODER.encode(`\n\n${event}`);
  }

  /** Passes on what has waited for the present part; returns what is not passed on by then. */
  #endWait(taken: TakenUsage, passed: Uint8Array[], bytes: Uint8Array, from: number): number {
    const { isEvent, start } = this.#splitter;
    if (!isEvent && taken.waits) taken.addLineFeed();
    const released = taken.released();
    if (released.length === 0) return from;
    passed.push(bytes.subarray(from, start), released);
    return start;
  }

  /** Ends what is passed on with the event that was just read. */
  #last(passed: Uint8Array[]): Uint8Array {
    if (this.#keptLast) passed.push(this.#splitter.restOfLineEnd);
    this.#isOver = true;
    return joinedBytes(passed);
  }

  /** Ends an event that the splitter has found as a whole in `bytes`, whose text is given. */
  #endSimple(text: string, bytes: Uint8Array): Uint8Array {
    const { data, name, start, end } = this.#splitter;
    const value = data.start < 0 ? undefined : text.slice(data.start, data.end);
    this.#keptLast = true;
    if (value === undefined && this.reader.state !== 'failed') return EMPTY;
    const called = name.start < 0 ? undefined : text.slice(name.start, name.end);
    const instead = this.#read(called, value);
    if (instead !== undefined) {
      if (instead === '') return this.#remove(EMPTY);
      const parts = [text.slice(start, data.start), instead, text.slice(data.end, end)];
      return this.#remove(latinBytes(parts.join('')));
    }
    if (!this.#mayQuoteKey(value)) {
      if (this.#mayWait) this.#wait(bytes.subarray(start, end), value);
      return EMPTY;
    }
    return this.#withoutKey(bytes.subarray(start, end), EMPTY);
  }

  /**
   * Ends an event with `piece`, and decides whether it is passed on as it came. Returns its beginning
   * that was held until now, if so; where the endpoint's key is taken out of it, all that replaces it.
   */
  #endEvent(piece: Uint8Array): Uint8Array {
    this.#keptLast = true;
    if (this.#long) {
      this.#long.push(piece);
      const { name, data } = eventOf(this.#long.text);
      if (data !== undefined) this.readEvent(name, data);
      this.#long = undefined;
      return EMPTY;
    }
    const held = this.#held.take();
    const event = joinedBytes([held, piece]);
    const { name, data } = eventOf(withoutMark(latinText(event)));
    const instead = this.#read(name, data);
    if (instead !== undefined) {
      const named = name === undefined ? '' : `event: ${name}\n`;
      return this.#remove(instead === '' ? EMPTY : latinBytes(`${named}data: ${instead}\n\n`));
    }
    if (this.#mayQuoteKey(data)) return this.#withoutKey(event, held);
    if (!this.#mayWait || data === undefined) return held;
    this.#wait(event, data);
    return EMPTY;
  }

  /** Reads an event; returns the data to pass on instead of its own, if there is any. */
  #read(name: string | undefined, data: string | undefined): string | undefined {
    if (data === undefined) return undefined;
    this.readEvent(name, data);
    return this.#taken?.read(data);
  }

  #remove(instead: Uint8Array): Uint8Array {
    this.#keptLast = false;
    return instead;
  }

  /** The event may be the last before usage comes, in which there may be more of it. */
  get #mayWait(): boolean {
    return this.#taken !== undefined && !this.reader.isOver && this.reader.state === 'complete';
  }

  #wait(event: Uint8Array, data = ''): void {
    this.#taken?.wait(event, data);
    this.#keptLast = false;
  }

  #mayQuoteKey(data: string | undefined): boolean {
    return this.#mask.concerns(data, this.reader.state === 'failed');
  }

  /** The event without the key, in other bytes than those that came; `kept` where it has none. */
  #withoutKey(event: Uint8Array, kept: Uint8Array): Uint8Array {
    const masked = this.#mask.mask(event);
    if (masked === 'too-long') return this.#endHere();
    if (masked === 'clean') return kept;
    this.#keptLast = false;
    return masked;
  }

  /** Ends the stream with a fault of its own in place of the present event. */
  #endHere(): Uint8Array {
    this.#isOver = true;
    this.#keptLast = false;
    const message = 'The endpoint reported a fault that is too long to be passed on.';
    return this.fault({ code: 'upstream_error', message });
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
    const long = new LongEvent();
    const finish = this.finish();
    const parts = [this.#held.take(), piece];
    for (const part of parts) long.push(part);
    // Nothing of an error is passed on before all of it was searched.
    if (this.#mayQuoteKey(eventOf(withoutMark(long.head)).data)) return [finish, this.#endHere()];
    this.#long = long;
    return [finish, ...parts];
  }
}

/** A byte order mark, as it is in `latinText`, is no part of the first event. */
function withoutMark(text: string): string {
  return text.startsWith('\u00ef\u00bb\u00bf') ? text.slice(3) : text;
}

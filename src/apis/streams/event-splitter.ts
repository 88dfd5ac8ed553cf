/**
 * Finds where the events of a server-sent stream begin and end, in one pass over the bytes and by
 * the standard: lines end with LF, CRLF or CR, an event with an empty line. Empty lines and comments
 * outside of an event are no events. Streams of tiny events make this the hottest loop of an answer:
 * what it finds is in its fields, and nothing is allocated for an event. What is passed on is decided
 * in `answer-stream.ts`.
 */

import { ENCODER } from '../../http/encoder.ts';

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const COLON = 58;
const SPACE = 32;
const EMPTY = new Uint8Array(0);
const LINE_FEEDS = Uint8Array.of(LINE_FEED);

const ERROR_FIELD = ENCODER.encode('error:');

/** Where a value is in the present bytes; `start` is -1 where there is none. */
interface Place {
  start: number;
  end: number;
}

export class EventSplitter {
  /**
   * The part that `next` has found: the end of an event with a field, or the LF of a CRLF whose CR
   * ended an event. `start` is 0 for an event that began in earlier bytes.
   */
  start = 0;
  end = 0;
  isEvent = false;
  /** The event is in the present bytes as a whole, and its fields are where they are said to be. */
  isSimple = false;
  /** The value of its only `data` line, and that of its last `event` line. */
  readonly data: Place = { start: -1, end: -1 };
  readonly name: Place = { start: -1, end: -1 };
  #bytes: Uint8Array = EMPTY;
  #at = 0;
  #isLineEmpty = true;
  #lineStart = 0;
  #inEvent = false;
  #eventStart = 0;
  #beganHere = false;
  #dataLines = 0;
  /** The last byte was a CR: an LF that follows belongs to the same line end. */
  #afterReturn = false;
  /** That line end also ended an event. */
  #afterEvent = false;
  /** The line end before the last one was a CRLF. */
  #hasFeed = false;
  /** A byte order mark may stand before the first event. */
  #isFirst = true;

  /** Index in the present bytes where the event begins whose end is still to come; else their end. */
  get openStart(): number {
    return this.#inEvent ? this.#eventStart : this.#bytes.length;
  }

  /** What is left of the line end of the last event, which has ended with a CR; else empty. */
  get restOfLineEnd(): Uint8Array {
    return this.#afterEvent && this.#afterReturn && this.#hasFeed ? LINE_FEEDS : EMPTY;
  }

  /** Takes further bytes; all that the last ones have was found. */
  begin(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#at = 0;
    this.#eventStart = 0;
    this.#beganHere = false;
    this.#lineStart = 0;
  }

  /** Finds the next part that may have to be left out; false where the bytes have no more. */
  next(): boolean {
    const { length } = this.#bytes;
    let at = this.#at;
    while (at < length) {
      const byte = this.#bytes[at] as number;
      if (isLineEnd(byte)) {
        at += 1;
        if (this.#passLineEnd(byte, at)) return true;
      } else at = this.#passLine(byte, at);
    }
    this.#at = at;
    return false;
  }

  /** Index of the end of the line that `first`, at `at`, begins or goes on with. */
  #passLine(first: number, at: number): number {
    if (this.#isLineEmpty) this.#beginLine(first, at);
    this.#afterReturn = false;
    const bytes = this.#bytes;
    const { length } = bytes;
    let i = at + 1;
    while (i < length && !isLineEnd(bytes[i] as number)) i += 1;
    return i;
  }

  /** Takes the LF or CR before `at`; true where something is found with it. */
  #passLineEnd(byte: number, at: number): boolean {
    const isRest = byte === LINE_FEED && this.#afterReturn;
    this.#afterReturn = byte === CARRIAGE_RETURN;
    if (isRest) {
      this.#hasFeed = true;
      if (!this.#afterEvent) return false;
      this.#afterEvent = false;
      return this.#found(at - 1, at, false);
    }
    this.#afterEvent = this.#isLineEmpty && this.#inEvent;
    if (this.#afterEvent) {
      this.#inEvent = false;
      return this.#found(this.#eventStart, at, true);
    }
    if (!this.#isLineEmpty) this.#endLine(at - 1);
    return false;
  }

  #found(start: number, end: number, isEvent: boolean): true {
    this.#at = end;
    this.start = start;
    this.end = end;
    this.isEvent = isEvent;
    if (isEvent) {
      this.isSimple = this.#beganHere && this.#dataLines <= 1 && !this.#isFirst;
      this.#isFirst = false;
    }
    return true;
  }

  #beginLine(first: number, at: number): void {
    this.#isLineEmpty = false;
    this.#lineStart = at;
    if (first === COLON || this.#inEvent) return;
    this.#inEvent = true;
    this.#beganHere = true;
    this.#eventStart = at;
    this.#dataLines = 0;
    this.data.start = -1;
    this.name.start = -1;
  }

  #endLine(end: number): void {
    this.#isLineEmpty = true;
    // Of an event that began earlier, the text is put together anyway.
    if (!this.#beganHere || !this.#inEvent) return;
    const bytes = this.#bytes;
    const at = this.#lineStart;
    // `data:` and `event:`.
    if (bytes[at] === 0x64) {
      const isData = bytes[at + 1] === 0x61 && bytes[at + 2] === 0x74 && bytes[at + 3] === 0x61;
      if (!isData || bytes[at + 4] !== COLON) return;
      this.#dataLines += 1;
      placeValue(this.data, bytes, at + 5, end);
    } else if (bytes[at] === 0x65) {
      // llama.cpp before 2025 reported faults in a field `error:`, which `eventOf` reads.
      if (bytes[at + 1] === 0x72 && startsWith(bytes, at, ERROR_FIELD)) this.#dataLines = 2;
      const isName = bytes[at + 1] === 0x76 && bytes[at + 2] === 0x65 && bytes[at + 3] === 0x6e;
      if (!isName || bytes[at + 4] !== 0x74 || bytes[at + 5] !== COLON) return;
      placeValue(this.name, bytes, at + 6, end);
    }
  }
}

function isLineEnd(byte: number): boolean {
  return byte === LINE_FEED || byte === CARRIAGE_RETURN;
}

function startsWith(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  return text.every((byte, i) => bytes[at + i] === byte);
}

/** One space after the colon is not part of the value. */
function placeValue(place: Place, bytes: Uint8Array, at: number, end: number): void {
  place.start = at < end && bytes[at] === SPACE ? at + 1 : at;
  place.end = end;
}

/** Parses the name and the data of an event from its text. */
export function eventOf(text: string): { name: string | undefined; data: string | undefined } {
  let name: string | undefined;
  let data: string | undefined;
  for (let at = 0, feed = -1, back = -1; at < text.length; ) {
    // Each search goes on where the last one ended, so that the text is searched once.
    if (feed < at) feed = indexOrEnd(text, '\n', at);
    if (back < at) back = indexOrEnd(text, '\r', at);
    const end = Math.min(feed, back);
    if (text.startsWith('data:', at)) {
      const value = fieldValue(text, at + 'data:'.length, end);
      data = data === undefined ? value : `${data}\n${value}`;
    } else if (text.startsWith('event:', at)) {
      name = fieldValue(text, at + 'event:'.length, end);
    } else if (text.startsWith('error:', at)) {
      name = 'error';
      data = fieldValue(text, at + 'error:'.length, end);
    }
    at = end + 1;
  }
  return { name, data };
}

function indexOrEnd(text: string, char: string, from: number): number {
  const at = text.indexOf(char, from);
  return at < 0 ? text.length : at;
}

function fieldValue(text: string, at: number, end: number): string {
  return text.slice(text[at] === ' ' ? at + 1 : at, end);
}

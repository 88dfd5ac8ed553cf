/**
 * Finds where the events of a server-sent stream begin and end, byte by byte and by the standard:
 * lines end with LF, CRLF or CR, an event with an empty line. Empty lines and comments outside of an
 * event are no events. What is passed on is decided in `answer-stream.ts`.
 */

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const COLON = 58;

/** A part of the bytes that may have to be left out. */
export interface Cut {
  /** Index of its first byte; 0 for an event that began in earlier bytes. */
  readonly start: number;
  /** Index after its last byte. */
  readonly end: number;
  /** The end of an event with a field; or the LF of a CRLF whose CR ended an event. */
  readonly what: 'event' | 'line-end';
}

export class EventSplitter {
  #isLineEmpty = true;
  #inEvent = false;
  #eventStart = 0;
  /** The last byte was a CR: an LF that follows belongs to the same line end. */
  #afterReturn = false;
  /** That line end also ended an event. */
  #afterEvent = false;

  /** True within an event that has a field, or the beginning of one. */
  get inEvent(): boolean {
    return this.#inEvent;
  }

  /** Index at which the current event begins in the present bytes. */
  get eventStart(): number {
    return this.#eventStart;
  }

  /** Must be called before the first `next` of further bytes. */
  begin(): void {
    this.#eventStart = 0;
  }

  /** The next cut from this index on; undefined where the rest of the bytes has none. */
  next(bytes: Uint8Array, from: number): Cut | undefined {
    for (let i = from; i < bytes.length; i += 1) {
      const byte = bytes[i];
      if (byte === LINE_FEED && this.#afterReturn) {
        this.#afterReturn = false;
        if (!this.#afterEvent) continue;
        this.#afterEvent = false;
        return { start: i, end: i + 1, what: 'line-end' };
      }
      this.#afterReturn = byte === CARRIAGE_RETURN;
      if (byte !== LINE_FEED && byte !== CARRIAGE_RETURN) this.#beginLine(byte !== COLON, i);
      else if (this.#endLine()) return { start: this.#eventStart, end: i + 1, what: 'event' };
    }
    return undefined;
  }

  #beginLine(isField: boolean, at: number): void {
    if (!this.#isLineEmpty) return;
    this.#isLineEmpty = false;
    if (!isField || this.#inEvent) return;
    this.#inEvent = true;
    this.#eventStart = at;
  }

  /** True where this line end also ends an event. */
  #endLine(): boolean {
    this.#afterEvent = this.#isLineEmpty && this.#inEvent;
    this.#isLineEmpty = true;
    if (this.#afterEvent) this.#inEvent = false;
    return this.#afterEvent;
  }
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
    }
    at = end + 1;
  }
  return { name, data };
}

function indexOrEnd(text: string, char: string, from: number): number {
  const at = text.indexOf(char, from);
  return at < 0 ? text.length : at;
}

/** One space after the colon is not part of the value. */
function fieldValue(text: string, at: number, end: number): string {
  return text.slice(text[at] === ' ' ? at + 1 : at, end);
}

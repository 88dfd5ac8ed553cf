/**
 * Finds where the events of a server-sent stream end, byte by byte and by the standard: lines end
 * with LF, CRLF or CR, an event with an empty line. What is passed on is decided in
 * `answer-stream.ts`.
 */

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const COLON = 58;

/** The end of a piece of the stream, and the kind of the piece. */
export interface Cut {
  /** Index after its last byte. */
  readonly end: number;
  /** A complete event; comments before an event's first field; or an LF that follows a CR. */
  readonly what: 'event' | 'comment' | 'line-end';
}

export class EventSplitter {
  /** Bytes of the current line so far. */
  #lineBytes = 0;
  #isComment = false;
  /** The current event has a field, or the beginning of one. */
  #hasField = false;
  /** The last byte was a CR: an LF that follows belongs to the same line end. */
  #afterReturn = false;
  /** That line end also ended an event. */
  #afterEvent = false;

  /** True within an event that has a field. */
  get inEvent(): boolean {
    return this.#hasField;
  }

  /** Takes the next bytes of the stream and yields the cuts in them, in order. */
  *push(bytes: Uint8Array): Iterable<Cut> {
    for (let i = 0; i < bytes.length; i += 1) {
      const what = this.#next(bytes[i] ?? 0);
      if (what) yield { end: i + 1, what };
    }
  }

  /** The kind of the piece that ends with this byte, if one does. */
  #next(byte: number): Cut['what'] | undefined {
    const wasReturn = this.#afterReturn;
    this.#afterReturn = byte === CARRIAGE_RETURN;
    if (wasReturn && byte === LINE_FEED) return this.#afterEvent ? 'line-end' : this.#comment();
    if (byte === LINE_FEED || byte === CARRIAGE_RETURN) return this.#endLine();
    if (this.#lineBytes === 0) this.#beginLine(byte === COLON);
    this.#lineBytes += 1;
    return undefined;
  }

  #beginLine(isComment: boolean): void {
    this.#isComment = isComment;
    this.#afterEvent = false;
    if (!isComment) this.#hasField = true;
  }

  #endLine(): Cut['what'] | undefined {
    this.#afterEvent = this.#lineBytes === 0;
    if (this.#afterEvent) {
      this.#hasField = false;
      this.#isComment = false;
      return 'event';
    }
    this.#lineBytes = 0;
    return this.#comment();
  }

  #comment(): 'comment' | undefined {
    return this.#isComment && !this.#hasField ? 'comment' : undefined;
  }
}

/** Parses the name and the data of an event from its text. */
export function eventOf(text: string): { name: string | undefined; data: string | undefined } {
  let name: string | undefined;
  let data: string | undefined;
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (line.startsWith('data:')) {
      const value = fieldValue(line, 'data:'.length);
      data = data === undefined ? value : `${data}\n${value}`;
    } else if (line.startsWith('event:')) {
      name = fieldValue(line, 'event:'.length);
    }
  }
  return { name, data };
}

/** One space after the colon is not part of the value. */
function fieldValue(line: string, at: number): string {
  return line.slice(line[at] === ' ' ? at + 1 : at);
}

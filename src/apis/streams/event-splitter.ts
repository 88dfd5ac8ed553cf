/**
 * Cuts a server-sent stream into its events, byte by byte and by its standard: lines end with LF,
 * CRLF or CR, an event with an empty line. Decides nothing; tells where each event ends.
 */

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const COLON = 58;

/** Where a piece of the stream ends, and what it is. */
export interface Cut {
  /** Index behind its last byte. */
  readonly end: number;
  /** A whole event; comments before an event's first field; or the late half of a line's end. */
  readonly what: 'event' | 'comment' | 'line-end';
}

export class EventSplitter {
  /** Bytes of the present line so far. */
  #lineBytes = 0;
  #isComment = false;
  /** The present event has a field, or the beginning of one. */
  #hasField = false;
  /** The last byte was the CR of a line's end: an LF now still belongs to it. */
  #afterReturn = false;
  /** That line's end was also that of an event. */
  #afterEvent = false;

  /** In the middle of an event that has a field. */
  get inEvent(): boolean {
    return this.#hasField;
  }

  /** The cuts in what came, in their order. */
  *push(bytes: Uint8Array): Iterable<Cut> {
    for (let i = 0; i < bytes.length; i += 1) {
      const what = this.#next(bytes[i] ?? 0);
      if (what) yield { end: i + 1, what };
    }
  }

  /** What ends with this byte, if anything does. */
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

/** Name and data of an event, from its text. */
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

/** One space behind the colon is no part of the value. */
function fieldValue(line: string, at: number): string {
  return line.slice(line[at] === ' ' ? at + 1 : at);
}

/**
 * Reads HTTP/1.1 messages from a connection, one at a time. The benchmark's client and endpoint use
 * it on raw sockets, since node:http would cost more than some of what is measured.
 */

const HEAD_END = Buffer.from('\r\n\r\n');
const EMPTY = Buffer.alloc(0);

export interface Message {
  readonly head: string;
  /** Without the chunks' framing. */
  readonly body: Buffer;
}

export class MessageReader {
  #held: Buffer = EMPTY;
  #head: string | undefined;
  /** Bytes of the body that are still to come; of the present chunk where it comes in chunks. */
  #missing = 0;
  #isChunked = false;
  #body: Buffer[] = [];

  /** True once a byte of the present message's body has arrived. */
  get hasBody(): boolean {
    return this.#body.length > 0;
  }

  /** Takes bytes; returns the message that they complete. Peers here never send two at once. */
  push(bytes: Buffer): Message | undefined {
    this.#held = this.#held.length > 0 ? Buffer.concat([this.#held, bytes]) : bytes;
    if (this.#head === undefined && !this.#readHead()) return undefined;
    if (!(this.#isChunked ? this.#readChunks() : this.#readLength())) return undefined;
    const message = { head: this.#head ?? '', body: Buffer.concat(this.#body) };
    this.#head = undefined;
    this.#body = [];
    return message;
  }

  #readHead(): boolean {
    const end = this.#held.indexOf(HEAD_END);
    if (end < 0) return false;
    const head = this.#held.toString('latin1', 0, end);
    this.#held = this.#held.subarray(end + HEAD_END.length);
    this.#isChunked = /^transfer-encoding: *chunked/im.test(head);
    this.#missing = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    this.#head = head;
    return true;
  }

  #readLength(): boolean {
    this.#take();
    return this.#missing === 0;
  }

  /** A chunk's `#missing` counts the line end behind it, which is not part of the body. */
  #readChunks(): boolean {
    for (;;) {
      if (this.#missing > 2) this.#take(2);
      if (this.#missing > 2 || this.#held.length < this.#missing) return false;
      this.#held = this.#held.subarray(this.#missing);
      this.#missing = 0;
      const end = this.#held.indexOf('\r\n');
      if (end < 0) return false;
      const size = Number.parseInt(this.#held.toString('latin1', 0, end), 16);
      if (Number.isNaN(size)) throw new Error('a chunk without a size');
      if (size === 0) {
        if (this.#held.length < end + 4) return false;
        this.#held = this.#held.subarray(end + 4);
        return true;
      }
      this.#held = this.#held.subarray(end + 2);
      this.#missing = size + 2;
    }
  }

  /** Takes what has arrived of the body, up to the last `spare` missing bytes. */
  #take(spare = 0): void {
    const taken = Math.min(this.#held.length, this.#missing - spare);
    if (taken <= 0) return;
    this.#body.push(this.#held.subarray(0, taken));
    this.#held = this.#held.subarray(taken);
    this.#missing -= taken;
  }
}

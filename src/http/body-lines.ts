/**
 * Reads the lines of a body as they arrive, so that a long file is never held as a whole. Each
 * character is looked at once, however small the pieces are that it comes in.
 */
import { codingsOf } from './content-coding.ts';
import { type BodyReader, DecodedBody } from './decoded-body.ts';
import { failure, type Outcome, wrongInput } from './errors.ts';
import { type Pace, PacedReader, USUAL_PACE } from './paced-reader.ts';

export interface LineLimits {
  readonly bodyBytes: number;
  /** Longest line, in UTF-16 code units. */
  readonly lineChars: number;
}

/** A file may be long: only its pace counts. */
const PACE: Pace = { ...USUAL_PACE, totalMs: 3_600_000 };

/** Yields each line that is not blank, with its number from 1; an error of the body is the last. */
export async function* bodyLines(
  request: Request,
  limits: LineLimits,
): AsyncGenerator<Outcome<{ text: string; number: number }>> {
  if (!request.body) return;
  const arriving = new PacedReader(request.body, PACE);
  const encoded = codingsOf(request.headers);
  if (!encoded.ok) {
    await arriving.discard();
    return yield encoded;
  }
  const { codings } = encoded;
  const reader: BodyReader =
    codings.length > 0 ? new DecodedBody(arriving, codings, limits.bodyBytes) : arriving;
  const lines = new Lines(limits.lineChars);
  try {
    for (;;) {
      const piece = await reader.read();
      if (piece.status === 'failed') return yield { ok: false, error: piece.error };
      if (reader.bytes > limits.bodyBytes) {
        const message = `The body may have ${limits.bodyBytes} bytes at most.`;
        return yield failure('request_too_large', { message });
      }
      const isEnd = piece.status === 'end';
      for (const line of lines.push(isEnd ? undefined : piece.bytes)) {
        yield line;
        if (!line.ok) return;
      }
      if (isEnd) return;
    }
  } finally {
    // Whoever is refused in the middle reads the answer only once all is sent.
    await reader.discard();
  }
}

/** Splits text that arrives in pieces. */
class Lines {
  readonly #lineChars: number;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  /** The pieces of the line whose end has not arrived, and their length. */
  #parts: string[] = [];
  #chars = 0;
  #number = 0;

  constructor(lineChars: number) {
    this.#lineChars = lineChars;
  }

  /** The lines that end in these bytes; without bytes the text ends. An error is the last. */
  *push(bytes: Uint8Array | undefined): Iterable<Outcome<{ text: string; number: number }>> {
    let text: string;
    try {
      text = bytes ? this.#decoder.decode(bytes, { stream: true }) : `${this.#decoder.decode()}\n`;
    } catch {
      return yield wrongInput({ message: 'The body is not valid UTF-8.' });
    }
    let from = 0;
    for (let at = text.indexOf('\n'); ; at = text.indexOf('\n', from)) {
      const isLine = at >= 0;
      const part = text.slice(from, isLine ? at : text.length);
      this.#chars += part.length;
      if (this.#chars > this.#lineChars) {
        const message = `Line ${this.#number + 1} is longer than ${this.#lineChars} characters.`;
        return yield failure('request_too_large', { message });
      }
      if (part !== '') this.#parts.push(part);
      if (!isLine) return;
      from = at + 1;
      this.#number += 1;
      const line = this.#parts.join('');
      this.#parts = [];
      this.#chars = 0;
      if (line.trim() !== '') yield { ok: true, text: line, number: this.#number };
    }
  }
}

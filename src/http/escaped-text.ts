/**
 * Searches a text whose characters may be escaped for JSON, URLs or HTML, with a bound on its work.
 * What may be an escape is decided in `escapes.ts`.
 */
import { codeOf, type Escapes, escapesOf, lengthOf, MAX_READINGS } from './escapes.ts';

/** Most characters and escapes that are looked at in a search, for each character and in any text. */
const STEPS_PER_CHAR = 50;
const MIN_STEPS = 100_000;
/** Most characters that one character takes in two escapes of six, as `\u005c` by code points. */
export const MAX_FORM_CHARS = 36;

export class EscapedText {
  /** Lower case, as all that is looked for in it. */
  readonly text: string;
  readonly #escapes: Escapes;
  #stepsLeft: number;

  constructor(text: string) {
    this.text = lowered(text);
    this.#escapes = escapesOf(this.text);
    this.#stepsLeft = Math.max(MIN_STEPS, text.length * STEPS_PER_CHAR);
  }

  /**
   * True where the search took too long and has stopped, so that nothing is known of the text. That
   * takes a hostile text and a key that repeats itself.
   */
  get isSpent(): boolean {
    return this.#stepsLeft <= 0;
  }

  /** The places, from `from` on and in no order, at which `part` may begin: its first character does. */
  *startsOf(part: string, from = 0): Iterable<number> {
    const { text } = this;
    // Without escapes all of it has to stand there.
    const first = this.#escapes.size === 0 ? part : part.slice(0, 1);
    for (let at = text.indexOf(first, from); at >= 0; at = text.indexOf(first, at + first.length)) {
      yield at;
    }
    const wanted = part.charCodeAt(0);
    for (const [at, readings] of this.#escapes) {
      if (at >= from && readings.some((reading) => codeOf(reading) === wanted)) yield at;
    }
  }

  /** How much of `wanted` can be read from `start` on, and all places at which that may end. */
  follow(start: number, wanted: string): { length: number; ends: readonly number[] } {
    let ends: readonly number[] = [start];
    let length = 0;
    while (length < wanted.length) {
      const next = this.after(ends, wanted.charCodeAt(length));
      if (next.length === 0) break;
      ends = next;
      length += 1;
    }
    return { length, ends };
  }

  /** The places at which the character ends that begins at any of the places. */
  after(places: readonly number[], wanted: number): readonly number[] {
    const next: number[] = [];
    if (this.#spend(places.length)) return next;
    for (const at of places) {
      const escapes = this.#escapes.get(at) ?? [];
      this.#spend(escapes.length);
      if (this.text.charCodeAt(at) === wanted) add(next, at + 1);
      for (const reading of escapes) {
        if (codeOf(reading) === wanted) add(next, at + lengthOf(reading));
      }
    }
    return next;
  }

  /** The places at which the character begins that ends at any of the places. */
  before(places: readonly number[], wanted: number): readonly number[] {
    const next: number[] = [];
    if (this.#spend(places.length * (this.#escapes.size > 0 ? MAX_FORM_CHARS : 1))) return next;
    for (const end of places) {
      if (end > 0 && this.text.charCodeAt(end - 1) === wanted) add(next, end - 1);
      if (this.#escapes.size === 0) continue;
      for (let at = end - 2; at >= Math.max(0, end - MAX_FORM_CHARS); at -= 1) {
        const isEscape = (reading: number) =>
          codeOf(reading) === wanted && at + lengthOf(reading) === end;
        if (this.#escapes.get(at)?.some(isEscape)) add(next, at);
      }
    }
    return next;
  }

  #spend(steps: number): boolean {
    this.#stepsLeft -= steps;
    return this.#stepsLeft <= 0;
  }
}

/** In lower case as far as it is ASCII, so that the length stays. */
export function lowered(text: string): string {
  return text.replace(/[A-Z]+/g, (upper) => upper.toLowerCase());
}

function add(places: number[], place: number): void {
  if (places.length < MAX_READINGS && !places.includes(place)) places.push(place);
}

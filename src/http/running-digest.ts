/**
 * A digest of bytes that can be read at any point of them, for recognising what begins alike: 64 bits,
 * cheap enough for every byte of every prompt. Not for secrets, and not against somebody who looks
 * for two texts with the same digest.
 */

import { ENCODER } from './encoder.ts';

/** Odd constants whose bits are spread: of the golden ratio, and the square root of two. */
const LEFT_FACTOR = 0x9e3779b1;
const RIGHT_FACTOR = 0x6a09e667;

/** The digest at one point, which costs no text until it is wanted. */
export interface DigestState {
  readonly left: number;
  readonly right: number;
}

export class RunningDigest {
  #left = LEFT_FACTOR | 0;
  #right = RIGHT_FACTOR | 0;

  /** Adds the bytes from `start` until `end`; where one piece ends and the next begins counts. */
  add(bytes: Uint8Array, start: number, end: number): void {
    let left = this.#left;
    let right = this.#right;
    let i = start;
    for (; i + 4 <= end; i += 4) {
      const word =
        (bytes[i] as number) |
        ((bytes[i + 1] as number) << 8) |
        ((bytes[i + 2] as number) << 16) |
        ((bytes[i + 3] as number) << 24);
      left = Math.imul(left ^ word, LEFT_FACTOR);
      left = (left << 13) | (left >>> 19);
      right = Math.imul(((right << 5) | (right >>> 27)) + word, RIGHT_FACTOR);
    }
    let rest = 0;
    for (; i < end; i += 1) rest = (rest << 8) | (bytes[i] as number);
    this.#left = left;
    this.#right = right;
    this.#addWord(rest);
    this.#addWord(end - start);
  }

  /** Adds a text. */
  addText(text: string): void {
    const bytes = ENCODER.encode(text);
    this.add(bytes, 0, bytes.length);
  }

  get state(): DigestState {
    return { left: this.#left, right: this.#right };
  }

  #addWord(word: number): void {
    const left = Math.imul(this.#left ^ word, LEFT_FACTOR);
    this.#left = (left << 13) | (left >>> 19);
    const right = (this.#right << 5) | (this.#right >>> 27);
    this.#right = Math.imul(right + word, RIGHT_FACTOR);
  }
}

/** The digest as 16 hexadecimal digits. */
export function digestText({ left, right }: DigestState): string {
  return hex(spread(left ^ (right >>> 16))) + hex(spread(right ^ (left << 7)));
}

/** Bits that differ change about half of all. */
function spread(word: number): number {
  let bits = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}

/** Eight digits for 32 bits. */
export function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}

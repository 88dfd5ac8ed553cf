/**
 * Takes usage chunks out of one stream (usage-chunk.ts). What is left of the last one belongs to the
 * event that finishes the answer, where an engine that is not asked for usage writes it: an event of its
 * own would come after the finish reason, without one, and some clients keep the last reason that they
 * see, while others put two together. So that event waits for what follows it, which engines send at
 * once.
 */
import { latinBytes, latinText } from '../latin-text.ts';
import { chunkOf, leftoverOf, mergedInto } from './usage-chunk.ts';

/** Most usage chunks that are taken out: endpoints send one, and each has to be parsed. */
const MAX_TAKEN = 1_000;
const EMPTY: Uint8Array = new Uint8Array(0);
const LINE_FEED = Uint8Array.of(10);

export class TakenUsage {
  #taken = 0;
  /** The event that waits, and its data. */
  #event: Uint8Array = EMPTY;
  #data = '';
  #released: Uint8Array = EMPTY;

  /** An event waits for what follows it. */
  get waits(): boolean {
    return this.#event.length > 0;
  }

  /** Lets the event that finishes the answer wait. `data`: with one character for each byte. */
  wait(event: Uint8Array, data: string): void {
    // The bytes are valid until the next ones arrive.
    this.#event = event.slice();
    this.#data = data;
  }

  /** Adds the late half of the line end of the event that waits. */
  addLineFeed(): void {
    const event = new Uint8Array(this.#event.length + 1);
    event.set(this.#event);
    event.set(LINE_FEED, this.#event.length);
    this.#event = event;
  }

  /**
   * Reads the next event, which ends the wait. Returns the data to pass on instead of its own: empty for
   * none, undefined where the event stays as it is.
   */
  read(data: string): string | undefined {
    const leftover = this.#taken < MAX_TAKEN ? leftoverOf(data) : undefined;
    if (!leftover) {
      this.#released = this.release();
      return undefined;
    }
    this.#taken += 1;
    const merged = leftover.isEmpty || !this.waits ? undefined : mergedInto(this.#data, leftover);
    if (merged === undefined) {
      this.#released = this.release();
      return leftover.isEmpty ? '' : chunkOf(leftover);
    }
    const text = latinText(this.#event);
    const at = text.indexOf(this.#data);
    const [before, after] = [text.slice(0, at), text.slice(at + this.#data.length)];
    this.#released = latinBytes(before + merged + after);
    this.#event = EMPTY;
    return '';
  }

  /** What has waited and is passed on before the event that was just read. */
  released(): Uint8Array {
    const released = this.#released;
    this.#released = EMPTY;
    return released;
  }

  /** Passes on what has waited before a comment: one that has begun cannot be interrupted. */
  beforeOthers(passed: Uint8Array[], others: Uint8Array): void {
    if (others.some(isText)) passed.push(this.release());
  }

  /** Ends the wait: what has waited, as it came. */
  release(): Uint8Array {
    const event = this.#event;
    this.#event = EMPTY;
    return event;
  }
}

function isText(byte: number): boolean {
  return byte !== 10 && byte !== 13;
}

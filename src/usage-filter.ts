/**
 * Takes the usage chunk out of a stream whose client did not ask for it (Talaria did). Everything
 * else passes byte for byte; only the part of an event that is not complete is held back, which no
 * client could have read.
 */
import { isUsageChunk } from './usage.ts';

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
/** An event longer than this is content: it is passed on without waiting for its end. */
const MAX_HELD_BYTES = 65_536;

export class UsageFilter {
  #held: Uint8Array = new Uint8Array(0);
  /** In the middle of an event that was too long to hold. */
  #passing = false;

  /** What may be passed on now. */
  push(bytes: Uint8Array): Uint8Array {
    const all = concat(this.#held, bytes);
    const kept: Uint8Array[] = [];
    let start = 0;
    for (let end = eventEnd(all, start); end > 0; end = eventEnd(all, start)) {
      const event = all.subarray(start, end);
      if (this.#passing || !isUsageChunk(new TextDecoder().decode(event))) kept.push(event);
      this.#passing = false;
      start = end;
    }
    this.#held = all.slice(start);
    if (this.#held.length > MAX_HELD_BYTES) {
      kept.push(this.#held);
      this.#held = new Uint8Array(0);
      this.#passing = true;
    }
    return kept.length === 1 && kept[0] ? kept[0] : concat(...kept);
  }

  /** What is left when the stream ends in the middle of an event. */
  flush(): Uint8Array {
    const rest = this.#held;
    this.#held = new Uint8Array(0);
    return rest;
  }
}

/** Index behind the blank line that ends the event at `from`; 0 where it is not complete. */
function eventEnd(bytes: Uint8Array, from: number): number {
  for (let i = from; i < bytes.length; i += 1) {
    if (bytes[i] !== LINE_FEED) continue;
    const next = bytes[i + 1] === CARRIAGE_RETURN ? i + 2 : i + 1;
    if (bytes[next] === LINE_FEED) return next + 1;
  }
  return 0;
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

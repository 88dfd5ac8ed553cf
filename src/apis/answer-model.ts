/**
 * Writes the name that the client asked for into the `model` of an answer, where the endpoint was
 * asked for another one. The bytes are looked at as they pass, none is held, and all others stay as
 * they are. Where it applies is decided in `calls/model-call.ts`.
 */

import { ENCODER } from '../http/encoder.ts';
import {
  BACKSLASH,
  CLOSE_LIST,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  OPEN_LIST,
  OPEN_OBJECT,
  pastText,
  QUOTE,
} from '../http/json-text.ts';
import { isDecoded, isEventStream, isJson, isReadable } from '../http/media-type.ts';
import { ReplacedBytes } from '../http/replaced-bytes.ts';

/**
 * Objects at the top whose own `model` is the answer's: `response` in events of the Responses API,
 * `message` in `message_start` of the Messages API. A `model` deeper down is somebody's data.
 */
const HOLDERS: ReadonlySet<string> = new Set(['response', 'message']);
const FIELD = 'model';
const MAX_KEY_CHARS = 8;
const LF = 0x0a;
const CR = 0x0d;
const DATA = ENCODER.encode('data:');

/** The answer with the model's name as the client knows it; one that is no JSON stays as it is. */
export function withModelName(answer: Response, model: string): Response {
  const { body, headers } = answer;
  // What the platform has decoded has no encoding any more.
  if (!body || !isReadable(headers) || isDecoded(headers)) return answer;
  const isStream = isEventStream(headers);
  if (!isStream && !isJson(headers)) return answer;
  const names = isStream ? new StreamModelName(model) : new ModelName(model);
  const renamed = new TransformStream<Uint8Array, Uint8Array>({
    transform: (bytes, sink) => sink.enqueue(names.push(bytes)),
  });
  return new Response(body.pipeThrough(renamed), answer);
}

/** Rewrites the `model` of JSON that arrives in pieces. */
export class ModelName {
  readonly #name: Uint8Array;
  #depth = 0;
  /** The lists and objects at the top two levels are objects. */
  readonly #isObject = [false, false, false];
  /** The key at the top level that the next level belongs to. */
  #holder = '';
  #key = '';
  #awaitsKey = false;
  #awaitsName = false;
  #inString = false;
  #inKey = false;
  #isEscaped = false;
  /** The string that is passed is the old name. */
  #drops = false;

  constructor(name: string) {
    this.#name = ENCODER.encode(JSON.stringify(name));
  }

  /** The bytes to pass on. */
  push(bytes: Uint8Array): Uint8Array {
    const output = new ReplacedBytes(bytes);
    this.feed(bytes, 0, bytes.length, output);
    return output.whole();
  }

  /** What follows is another text. */
  reset(): void {
    this.#depth = 0;
    this.#inString = false;
    this.#isEscaped = false;
    this.#awaitsKey = false;
    this.#awaitsName = false;
    this.#drops = false;
  }

  /** Reads the bytes from `start` to `end`, and changes the output. */
  feed(bytes: Uint8Array, start: number, end: number, output: ReplacedBytes): void {
    let at = start;
    if (this.#drops) output.skip(start);
    while (at < end) {
      if (this.#inString) at = this.#passString(bytes, at, end, output);
      else {
        this.#read(bytes[at] as number, at, output);
        at += 1;
      }
    }
    if (this.#drops) output.resume(end);
  }

  /** Index after what there is of the string. */
  #passString(bytes: Uint8Array, start: number, end: number, output: ReplacedBytes): number {
    let at = start;
    while (at < end) {
      const next = this.#isEscaped ? at : Math.min(end, pastText(bytes, at));
      if (this.#inKey) this.#addToKey(bytes, at, next);
      at = next;
      if (at >= end) break;
      const byte = bytes[at] as number;
      at += 1;
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === BACKSLASH) this.#isEscaped = true;
      else if (byte === QUOTE) {
        this.#inString = false;
        this.#inKey = false;
        if (this.#drops) output.resume(at);
        this.#drops = false;
        return at;
      }
      // A key with escapes, or other than ASCII, is none that is looked for.
      if (this.#inKey) this.#key = TOO_LONG;
    }
    return at;
  }

  #addToKey(bytes: Uint8Array, start: number, end: number): void {
    if (this.#key.length + end - start > MAX_KEY_CHARS) this.#key = TOO_LONG;
    else this.#key += String.fromCharCode(...bytes.subarray(start, end));
  }

  #read(byte: number, at: number, output: ReplacedBytes): void {
    switch (byte) {
      case QUOTE:
        this.#inString = true;
        this.#inKey = this.#awaitsKey;
        if (this.#awaitsKey) this.#key = '';
        else if (this.#awaitsName) {
          this.#drops = true;
          output.replace(at, this.#name);
        }
        this.#awaitsName = false;
        return;
      case COLON:
        if (!this.#isLookedAt) return;
        this.#awaitsKey = false;
        this.#awaitsName = this.#key === FIELD;
        if (this.#depth === 1) this.#holder = this.#key;
        return;
      case COMMA:
        this.#awaitsKey = this.#isLookedAt;
        this.#awaitsName = false;
        return;
      case OPEN_OBJECT:
      case OPEN_LIST:
        this.#depth += 1;
        if (this.#depth <= 2) this.#isObject[this.#depth] = byte === OPEN_OBJECT;
        this.#awaitsKey = this.#isLookedAt;
        this.#awaitsName = false;
        return;
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        this.#depth = Math.max(0, this.#depth - 1);
        this.#awaitsKey = false;
    }
  }

  /** True within an object whose `model` is the answer's. */
  get #isLookedAt(): boolean {
    if (this.#depth === 1) return this.#isObject[1] === true;
    const isHeld = this.#depth === 2 && this.#isObject[1] === true && HOLDERS.has(this.#holder);
    return isHeld && this.#isObject[2] === true;
  }
}

/** Longer than any key that is looked for. */
const TOO_LONG = ' '.repeat(MAX_KEY_CHARS + 1);

/** Rewrites the `model` in the events of a stream. */
export class StreamModelName {
  readonly #json: ModelName;
  #line: 'begins' | 'data' | 'other' = 'begins';
  /** Bytes of `data:` that the line has begun with. */
  #matched = 0;
  #afterCr = false;

  constructor(name: string) {
    this.#json = new ModelName(name);
  }

  /** The bytes to pass on. */
  push(bytes: Uint8Array): Uint8Array {
    const output = new ReplacedBytes(bytes);
    let at = 0;
    while (at < bytes.length) {
      const end = lineEnd(bytes, at);
      if (end > at) this.#read(bytes, at, end, output);
      if (end < bytes.length) this.#endLine(bytes[end] as number);
      at = end + 1;
    }
    return output.whole();
  }

  /** Reads a part of a line, without its end. */
  #read(bytes: Uint8Array, start: number, end: number, output: ReplacedBytes): void {
    let at = start;
    for (; this.#line === 'begins' && at < end; at += 1) {
      if (bytes[at] !== DATA[this.#matched]) this.#line = 'other';
      else this.#matched += 1;
      if (this.#matched === DATA.length) this.#line = 'data';
    }
    this.#afterCr = false;
    if (this.#line === 'data') this.#json.feed(bytes, at, end, output);
  }

  #endLine(byte: number): void {
    const isSecond = byte === LF && this.#afterCr;
    this.#afterCr = byte === CR;
    if (isSecond) return;
    // An empty line ends an event.
    if (this.#line === 'begins' && this.#matched === 0) this.#json.reset();
    this.#line = 'begins';
    this.#matched = 0;
  }
}

function lineEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] !== LF && bytes[at] !== CR) at += 1;
  return at;
}

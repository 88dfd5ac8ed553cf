/**
 * How one answer is read while it is relayed: as a stream of an API, as plain JSON, or not at all. It
 * is chosen by what arrives, since some servers answer a request for a stream in one piece. The bytes
 * are relayed by `relay.ts`.
 */

import { AnswerText } from '../apis/answer-text.ts';
import { latinJson, latinText, utf8Text } from '../apis/latin-text.ts';
import type { AnswerFormat } from '../apis/streams/answer-format.ts';
import { AnswerStream } from '../apis/streams/answer-stream.ts';
import { ToolCalls } from '../apis/tool-calls.ts';
import { ToolTasks } from '../apis/tool-tasks.ts';
import { PlainUsage } from '../apis/usage.ts';
import { ofAllAnswers } from '../apis/usage-fields.ts';
import { given } from '../http/given.ts';
import type { HeaderReader } from '../http/held-headers.ts';
import { isEventStream, isJson, isReadable } from '../http/media-type.ts';
import type { CallResult } from '../protocol/admission.ts';
import { NOTHING_HELD, type Opening, openStream } from './opening.ts';
import type { PieceSource } from './piece-source.ts';
import { isErrorInFull, openPlain } from './plain-opening.ts';

export interface Expected {
  /** The API format in which the answer is read; an opaque answer is relayed unread. */
  readonly format: AnswerFormat;
  /** The client asked for a stream. */
  readonly streams: boolean;
  /** Talaria asked for usage and the client did not: the usage chunk is removed. */
  readonly stripUsage: boolean;
  /** Number of answers requested in one call, OpenAI's `n`. */
  readonly choices?: number | undefined;
  /** The endpoint serves no model: what it answers is its own matter. */
  readonly isTool: boolean;
  /** The endpoint's key, which is removed from every error that is passed on. */
  readonly key?: string | undefined;
}

const NO_BYTES = new Uint8Array(0);
/** Longest plain answer that is parsed. */
const MAX_PLAIN_CHARS = 16_384;
/** How a stream of events begins, behind a byte order mark. */
const EVENTS = /^(?:\u00ef\u00bb\u00bf)?\s*(?:data|event|id|retry|error)?:/;
/** How JSON and a page begin, which no stream of events does. */
const NO_EVENTS = /^(?:\u00ef\u00bb\u00bf)?\s*[{[<]/;
/** Characters of an answer by which it is told what it is. */
const BEGINNING_CHARS = 64;

export class AnswerReading {
  readonly #expected: Expected;
  readonly #startedAt: number;
  readonly #onPiece: () => void;
  #stream: AnswerStream | undefined;
  #plain: PlainUsage | undefined;
  readonly #plainCalls: ToolCalls;
  #firstByteMs: number | undefined;

  /** `startedAt`: when the call was sent, epoch ms; `onPiece` is called for each piece that arrives. */
  constructor(expected: Expected, startedAt: number, onPiece: () => void) {
    this.#expected = expected;
    this.#plainCalls = new ToolCalls(expected.format);
    this.#startedAt = startedAt;
    this.#onPiece = onPiece;
  }

  /** Set where the answer is a stream. */
  get stream(): AnswerStream | undefined {
    return this.#stream;
  }

  /** The answer is one piece of JSON, or is taken for that. */
  get isPlain(): boolean {
    return this.#plain !== undefined;
  }

  /** Nothing more is passed on: the stream is over, or the endpoint reported a fault in it. */
  get isOver(): boolean {
    const stream = this.#stream;
    return stream !== undefined && (stream.isOver || stream.state === 'failed');
  }

  /** What the endpoint reported as its fault, when the answer is over; empty where it reported none. */
  get faultText(): string {
    return this.#stream?.faultText ?? this.lateFault ?? '';
  }

  /**
   * The text of a plain answer that is an error alone, which was not clear from its beginning: that was
   * blank, or an answer that the endpoint then broke off.
   */
  get lateFault(): string | undefined {
    const text = this.#plain?.isWhole ? utf8Text(this.#plain.text) : '';
    return isErrorInFull(text) ? text : undefined;
  }

  /** All of a stream's answer is there, though usage may follow. */
  get isComplete(): boolean {
    return this.#stream?.state === 'complete';
  }

  /** Chooses the reader, and reads until it is clear what the answer is. */
  async open(source: PieceSource, headers: HeaderReader): Promise<Opening> {
    const { format, isTool } = this.#expected;
    const onPiece = (bytes: Uint8Array) => this.#arrived(bytes);
    // Bytes that cannot be read pass as they are.
    if (isTool || !isReadable(headers)) return NOTHING_HELD;
    if (format === 'opaque') {
      const plain = { length: lengthOf(headers), isModels: false };
      return isJson(headers) ? openPlain(source, onPiece, plain) : NOTHING_HELD;
    }
    if (await this.#isStream(source, headers)) {
      this.#stream = new AnswerStream({ ...this.#expected, format });
      return openStream(source, this.#stream, onPiece);
    }
    this.#plain = new PlainUsage();
    return openPlain(source, onPiece, { length: lengthOf(headers), isModels: true });
  }

  /** Takes the next piece; returns what of it may be passed on now. */
  push(bytes: Uint8Array): Uint8Array {
    this.#arrived(bytes);
    return this.#stream ? this.#stream.push(bytes) : bytes;
  }

  /** What the answer showed: token counts, and when it began. */
  get measured(): Partial<CallResult> {
    const pieces = this.#stream?.pieces;
    const told = (this.#stream ?? this.#plain)?.usage;
    const usage = told && ofAllAnswers(told, this.#expected.choices ?? 1);
    const outputTokens = usage?.outputTokens ?? pieces;
    return {
      ...usage,
      ...given({ outputTokens }),
      // A plain answer arrives in one piece: its first byte says nothing about the prefill.
      ...(pieces !== undefined && this.#firstByteMs !== undefined
        ? { firstByteMs: this.#firstByteMs }
        : {}),
    };
  }

  /** By what the answer is recognised where a later call brings it back. */
  get handedOut(): Pick<CallResult, 'toolCalls' | 'responseId' | 'text' | 'tasks'> {
    const calls = this.#stream?.toolCalls ?? this.#plainCalls;
    const found = this.#stream?.toolTasks ?? new ToolTasks();
    const said = this.#stream?.text ?? new AnswerText();
    const whole = this.#plain?.text ?? '';
    if (whole !== '' && whole.length < MAX_PLAIN_CHARS) {
      const answer = latinJson(whole);
      found.plain(answer);
      said.plain(answer);
    }
    const { ids, responseId } = calls;
    const { tasks } = found;
    const text = ids.length > 0 ? undefined : said.print;
    return {
      ...(ids.length === 0 ? {} : { toolCalls: ids }),
      ...given({ responseId, text }),
      ...(tasks.length === 0 ? {} : { tasks }),
    };
  }

  #arrived(bytes: Uint8Array): void {
    this.#onPiece();
    this.#firstByteMs ??= Date.now() - this.#startedAt;
    if (!this.#plain) return;
    const text = latinText(bytes);
    this.#plain.push(text);
    this.#plainCalls.piece(text);
  }

  /**
   * By what arrives: proxies drop the type of a stream, or write that of JSON, and write the type of a
   * stream above JSON, or above a page.
   */
  async #isStream(source: PieceSource, headers: HeaderReader): Promise<boolean> {
    const isCalledStream = isEventStream(headers);
    if (!isCalledStream && !this.#expected.streams) return false;
    const first = await source.next();
    source.putBack(first);
    const beginning = latinText((first.value ?? NO_BYTES).subarray(0, BEGINNING_CHARS));
    return isCalledStream ? !NO_EVENTS.test(beginning) : EVENTS.test(beginning);
  }
}

/** Length of the whole answer, bytes; undefined where it is not told, or was decoded. */
function lengthOf(headers: HeaderReader): number | undefined {
  const length = headers.get('content-length');
  if (length === null || headers.has('content-encoding')) return undefined;
  return /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

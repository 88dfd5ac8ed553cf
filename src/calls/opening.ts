/**
 * Reads the beginning of a success until it is clear what it is: some engines answer 200 first and
 * report in the body that they failed. While the client has nothing, the call can still be made again.
 * How the rest is relayed is in `forward.ts`.
 */
import type { AnswerStream } from '../apis/streams/answer-stream.ts';
import {
  errorIn,
  FAILED_JOBS,
  FAULT_REASONS,
  isObject,
  parsed,
  STATUS_FIELDS,
} from '../http/foreign-error.ts';
import { joinedBytes } from '../http/joined-bytes.ts';
import type { Piece, PieceSource } from './piece-source.ts';

/**
 * What an answer begins with is held back for so long, ms, and up to so many bytes: a client that
 * waits for the first event of a slow answer gets it.
 */
const HELD_MS = 500;
const HELD_BYTES = 65_536;
const HELD_PIECES = 64;

export type Opening =
  /** The bytes that may be passed on so far. */
  | { readonly kind: 'answer'; readonly bytes: Uint8Array; readonly isEnded: boolean }
  /** The endpoint reports an error; its text, in whatever form. */
  | { readonly kind: 'error'; readonly text: string }
  /** The answer ended without anything. */
  | { readonly kind: 'nothing' };

/** Nothing was read of an answer that is relayed unread. */
export const NOTHING_HELD = {
  kind: 'answer',
  bytes: new Uint8Array(0),
  isEnded: false,
} as const satisfies Opening;

/** Called for each piece that arrives. */
type OnPiece = (bytes: Uint8Array) => void;

/** Reads until there is content, an error, or the end. Rejects where the connection breaks before. */
export async function openStream(
  source: PieceSource,
  stream: AnswerStream,
  onPiece: OnPiece,
): Promise<Opening> {
  const held = new HeldPieces(source);
  try {
    for (;;) {
      // Comments say that the endpoint lives, not that it has begun.
      const piece = await held.next(stream.hasEvents);
      if (!piece) return answerOf(held, false);
      if (piece.done || piece.value === undefined) {
        const { state, rest } = stream.end();
        if (state === 'open' && !stream.hasContent) return { kind: 'nothing' };
        held.push(rest);
        return failedAt(stream) ?? answerOf(held, true);
      }
      onPiece(piece.value);
      held.push(stream.push(piece.value));
      const error = failedAt(stream);
      if (error) return error;
      if (stream.hasContent || stream.isOver || held.isFull) return answerOf(held, false);
      source.keep();
    }
  } finally {
    held.stop();
  }
}

/** The error of a stream that failed before its content. */
function failedAt({ state, hasContent, faultText }: AnswerStream): Opening | undefined {
  return state === 'failed' && !hasContent ? { kind: 'error', text: faultText } : undefined;
}

function answerOf({ bytes }: HeldPieces, isEnded: boolean): Opening {
  return { kind: 'answer', bytes, isEnded };
}

/**
 * The same for a plain answer: reads until it cannot be an error alone. `length`: of the whole, bytes,
 * by which its end is known without another read.
 */
export async function openPlain(
  source: PieceSource,
  onPiece: OnPiece,
  length?: number,
): Promise<Opening> {
  const held = new HeldPieces(source);
  try {
    for (;;) {
      const piece = await held.next(held.length > 0);
      if (!piece) return answerOf(held, false);
      let isEnded = piece.done || piece.value === undefined;
      if (piece.value !== undefined && !isEnded) {
        onPiece(piece.value);
        held.push(piece.value);
        isEnded = held.length === length;
      }
      const { text } = held;
      const mayFail = MAY_BE_ERROR.test(text);
      if (mayFail && isError(text, held.isFull)) return { kind: 'error', text };
      const isClear = !mayFail && (HAS_CONTENT.test(text) || isNoObject(text));
      if (isEnded || isClear || held.isFull) return plainOf(held, isEnded);
      source.keep();
    }
  } finally {
    held.stop();
  }
}

const FAULT_LETTERS = [...new Set(FAULT_REASONS.map((word) => word.charAt(0)))].join('');
/** How a reason to finish that is a fault begins, with blanks before it as JSON has them. */
const FAULT_WORD = `"(?:\\s|\\\\[nrt])*[${FAULT_LETTERS}]`;
const STATUS_NAMES = [...new Set(STATUS_FIELDS.map(({ path }) => path[0]))].join('|');

/**
 * The word in a place where an error may be, and no null behind it; a job that failed; or the beginning
 * of one of these at the end of what is held. What it is in full, `errorIn` decides.
 */
const MAY_BE_ERROR = new RegExp(
  [
    '"error"\\s*(?:[,}]|:\\s*(?:["[{t45]|$))',
    `"(?:${[...FAILED_JOBS].join('|')})"`,
    '"success"\\s*:\\s*(?:f|$)',
    `"(?:${STATUS_NAMES})"\\s*:\\s*(?:["{1-9-]|$)`,
    `"finish_reason"\\s*:\\s*(?:(?:\\{[^}]*"type"\\s*:\\s*)?${FAULT_WORD}|(?:\\{[^}]*)?$)`,
  ].join('|'),
  'i',
);
/** An answer that begins with its error is nothing else, however long that is. */
const LONG_ERROR = /^\s*\{\s*"error"\s*:\s*(?:"[^"]|\{\s*")/;
/** Keys under which answers have what was asked for. */
const HAS_CONTENT =
  /"(?:choices|content|output|data|results|embeddings?|text|score|images|tokens|input_tokens)"\s*:/;

/** LiteLLM answers 200 with `null` where it has lost an error. */
function plainOf(held: HeldPieces, isEnded: boolean): Opening {
  const isNothing = isEnded && /^\s*null\s*$/.test(held.text);
  return isNothing ? { kind: 'nothing' } : answerOf(held, isEnded);
}

/** `isFull`: there is more of it than is held. */
function isError(text: string, isFull: boolean): boolean {
  return isOnlyError(text) || (isFull && LONG_ERROR.test(text));
}

function isNoObject(text: string): boolean {
  return /^\s*[^\s{]/.test(text);
}

/** A whole object with an error, and with nothing that was asked for. */
function isOnlyError(text: string): boolean {
  if (!/\}\s*$/.test(text)) return false;
  const answer = parsed(text);
  if (!isObject(answer) || !errorIn(answer)) return false;
  if (Array.isArray(answer.choices)) return !answer.choices.some(isAnswered);
  return !CONTENT_KEYS.some((key) => Array.isArray(answer[key]) && answer[key].length > 0);
}

const CONTENT_KEYS = ['content', 'output', 'data', 'results', 'embeddings', 'embedding', 'images'];

function isAnswered(choice: unknown): boolean {
  if (!isObject(choice)) return false;
  const { text, message } = choice;
  if (typeof text === 'string' && text !== '') return true;
  return (
    isObject(message) &&
    (!!message.content || (Array.isArray(message.tool_calls) && message.tool_calls.length > 0))
  );
}

/** Pieces that are held back, for a limited time from the first that counts. */
class HeldPieces {
  readonly #source: PieceSource;
  readonly #parts: Uint8Array[] = [];
  #decoder: TextDecoder | undefined;
  #text = '';
  /** Pieces whose text is taken. */
  #read = 0;
  #until: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | null = null;
  length = 0;

  constructor(source: PieceSource) {
    this.#source = source;
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#parts.push(bytes);
    this.length += bytes.length;
  }

  /** More is not held; nor are more pieces, each of which is searched with those before. */
  get isFull(): boolean {
    return this.length > HELD_BYTES || this.#parts.length > HELD_PIECES;
  }

  get bytes(): Uint8Array {
    return joinedBytes(this.#parts);
  }

  /** The text of the pieces; ask after each. */
  get text(): string {
    const last = this.#parts.at(-1);
    if (last && this.#read < this.#parts.length) {
      this.#decoder ??= new TextDecoder();
      this.#text += this.#decoder.decode(last, { stream: true });
      this.#read = this.#parts.length;
    }
    return this.#text;
  }

  /** The next piece; where it is timed, undefined if it does not come in time. */
  next(isTimed: boolean): Promise<Piece | undefined> {
    if (!isTimed) return this.#source.next();
    this.#until ??= new Promise((resolve) => {
      this.#timer = setTimeout(resolve, HELD_MS);
    });
    return this.#source.nextBefore(this.#until);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}

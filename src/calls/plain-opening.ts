/**
 * Reads the beginning of a plain success until it is clear what it is: an answer, or a fault under a
 * status of success. Streams are read in `opening.ts`, the rest of a short one in `whole-answer.ts`.
 */
import {
  errorIn,
  FAILED_JOBS,
  FAULT_REASONS,
  isObject,
  parsed,
  STATUS_FIELDS,
} from '../http/foreign-error.ts';
import { HeldPieces } from './held-pieces.ts';
import { answerOf, type OnPiece, type Opening } from './opening.ts';
import type { PieceSource } from './piece-source.ts';
import { isHeldWhole, isWhole, readWhole } from './whole-answer.ts';

export interface PlainKind {
  /** Length of the whole, bytes, by which its end is known without another read. */
  readonly length?: number | undefined;
  /** A model's API answers with JSON: a page, and nothing at all, are no answer. */
  readonly isModels: boolean;
}

/** Reads until it cannot be an error alone; a short answer in JSON until all of it is there. */
export async function openPlain(
  source: PieceSource,
  onPiece: OnPiece,
  { length, isModels }: PlainKind,
): Promise<Opening> {
  const inFull = (isEnded: boolean) => openInFull(source, held, { onPiece, length, isEnded });
  const held = new HeldPieces(source);
  for (;;) {
    const piece = await held.next(held.length > 0);
    if (!piece) return pageIn(held, isModels) ?? (await inFull(false));
    let isEnded = piece.done || piece.value === undefined;
    if (piece.value !== undefined && !isEnded) {
      onPiece(piece.value);
      held.push(piece.value);
      isEnded = held.length === length;
    }
    const opening = plainOf(held, isEnded, isModels);
    if (opening) return opening.kind === 'answer' ? await inFull(opening.isEnded) : opening;
    source.keep();
  }
}

/** Reads the rest of an answer of which some is held. */
async function openInFull(
  source: PieceSource,
  held: HeldPieces,
  { onPiece, length, isEnded }: { onPiece: OnPiece; length: number | undefined; isEnded: boolean },
): Promise<Opening> {
  if (!isHeldWhole(held, length)) return answerOf(held, isEnded);
  if (isEnded) return isWhole(held.bytes, length) ? answerOf(held, true) : { kind: 'cut' };
  const { bytes, end } = await readWhole(source, held, onPiece, length);
  if (end === 'cut') return { kind: 'cut' };
  if (end === 'long') return { kind: 'answer', bytes, isEnded: false };
  // Its beginning was no error: the whole may be, where it is as short as errors are.
  const isRead = bytes.length > held.length && bytes.length <= MAX_LATE_ERROR;
  const text = isRead ? new TextDecoder().decode(bytes) : '';
  if (isErrorInFull(text)) return { kind: 'error', text };
  return { kind: 'answer', bytes, isEnded: true };
}

/** Longest error that does not show at its beginning, bytes. */
const MAX_LATE_ERROR = 16_384;

/** A reason to finish that is a fault, or its beginning, with blanks before it as JSON has them. */
const FAULT_WORD = `"(?:\\s|\\\\[nrt])*(?:${FAULT_REASONS.map(begunWord).join('|')}|$)`;

/** Matches a word, and what there is of it at the end of a text. */
function begunWord(word: string): string {
  return [...word].reduceRight((rest, letter) => `${letter}(?:${rest}|$)`, '');
}

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
/** Keys under which answers have what was asked for, where that is not null or an empty list. */
const HAS_CONTENT =
  /"(?:choices|content|output|data|results|embeddings?|text|score|images|tokens|input_tokens)"\s*:\s*(?:[^\sn[]|\[\s*[^\s\]])/;

/** A page: of a portal that asks to sign in, of a proxy in the way. */
const PAGE = /^\ufeff?\s*</;
/** What of it is told. */
const HEADING = /<\/(?:title|h1|html)>/i;

/** What the answer is; undefined where more of it has to be read. */
function plainOf(held: HeldPieces, isEnded: boolean, isModels: boolean): Opening | undefined {
  const { text, isFull } = held;
  const mayFail = MAY_BE_ERROR.test(text);
  if (mayFail && isError(text, isFull)) return errorOf(held);
  const page = pageIn(held, isModels);
  if (page) return isEnded || isFull || HEADING.test(text) ? page : undefined;
  const isClear = !mayFail && (HAS_CONTENT.test(text) || isNoObject(text));
  if (!isEnded && !isClear && !isFull) return undefined;
  // LiteLLM answers 200 with `null` where it has lost an error, others with nothing.
  const nothing = isModels ? /^\s*(?:null\s*)?$/ : /^\s*null\s*$/;
  const isNothing = nothing.test(text) || (isModels && hasNullChoices(text));
  return isEnded && isNothing ? { kind: 'nothing' } : answerOf(held, isEnded);
}

/**
 * SDKs fail on an answer with null for all that it has (vLLM on RunPod). A filter leaves an empty list,
 * or null beside an id or a usage.
 */
function hasNullChoices(text: string): boolean {
  if (!/"choices"\s*:\s*null/.test(text)) return false;
  const answer = parsed(text);
  if (!isObject(answer) || answer.choices !== null) return false;
  const isNamed = [answer.id, answer.usage].some((value) => value !== null && value !== undefined);
  return !isNamed && !hasListedContent(answer);
}

function pageIn(held: HeldPieces, isModels: boolean): Opening | undefined {
  return isModels && PAGE.test(held.text) ? errorOf(held) : undefined;
}

function errorOf({ text }: HeldPieces): Opening {
  return { kind: 'error', text };
}

/** `isFull`: there is more of it than is held. */
function isError(text: string, isFull: boolean): boolean {
  return isOnlyError(text) || (isFull && LONG_ERROR.test(text));
}

function isNoObject(text: string): boolean {
  return /^\s*(?!n(?:u(?:ll?)?)?$)[^\s{]/.test(text);
}

/** The same for the whole of an answer whose beginning did not show it. */
export function isErrorInFull(text: string): boolean {
  return MAY_BE_ERROR.test(text) && isOnlyError(text);
}

/** A whole object with an error, and with nothing that was asked for. */
function isOnlyError(text: string): boolean {
  if (!/\}\s*$/.test(text)) return false;
  const answer = parsed(text);
  if (!isObject(answer) || !errorIn(answer)) return false;
  if (Array.isArray(answer.choices)) return !answer.choices.some(isAnswered);
  return !hasListedContent(answer);
}

function hasListedContent(answer: Readonly<Record<string, unknown>>): boolean {
  return CONTENT_KEYS.some((key) => Array.isArray(answer[key]) && answer[key].length > 0);
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

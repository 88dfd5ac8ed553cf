/**
 * Reads the beginning of a success until it is clear what it is: some engines answer 200 first and
 * report in the body that they failed. While the client has nothing, the call can still be made again.
 * Plain answers are read in `plain-opening.ts`; how the rest is relayed is in `forward.ts`.
 */
import type { AnswerStream } from '../apis/streams/answer-stream.ts';
import { HeldPieces } from './held-pieces.ts';
import type { PieceSource } from './piece-source.ts';

export type Opening =
  /** The bytes that may be passed on so far. */
  | { readonly kind: 'answer'; readonly bytes: Uint8Array; readonly isEnded: boolean }
  /** The endpoint reports an error; its text, in whatever form. */
  | { readonly kind: 'error'; readonly text: string }
  /** The endpoint broke off in the middle of it, while all of it was held. */
  | { readonly kind: 'cut' }
  /** The answer ended without anything. */
  | { readonly kind: 'nothing' };

/** Nothing was read of an answer that is relayed unread. */
export const NOTHING_HELD = {
  kind: 'answer',
  bytes: new Uint8Array(0),
  isEnded: false,
} as const satisfies Opening;

/** Called for each piece that arrives. */
export type OnPiece = (bytes: Uint8Array) => void;

/** Reads until there is content, an error, or the end. Rejects where the connection breaks before. */
export async function openStream(
  source: PieceSource,
  stream: AnswerStream,
  onPiece: OnPiece,
): Promise<Opening> {
  const held = new HeldPieces(source);
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
}

/** The error of a stream that failed before its content. */
function failedAt({ state, hasContent, faultText }: AnswerStream): Opening | undefined {
  return state === 'failed' && !hasContent ? { kind: 'error', text: faultText } : undefined;
}

export function answerOf({ bytes }: HeldPieces, isEnded: boolean): Opening {
  return { kind: 'answer', bytes, isEnded };
}

/**
 * Holds a short plain answer until all of it is there. Its client can do nothing with a part of it,
 * and while it has nothing, the call can be made again where the endpoint breaks off. Longer answers
 * are relayed as they come.
 */
import { HeldBytes } from '../apis/streams/held-bytes.ts';
import { joinedBytes } from '../http/joined-bytes.ts';
import { isBalanced } from '../http/json-text.ts';
import { HELD_BYTES, type HeldPieces } from './held-pieces.ts';
import type { OnPiece } from './opening.ts';
import type { PieceSource } from './piece-source.ts';

export interface HeldAnswer {
  readonly bytes: Uint8Array;
  /** `cut`: the endpoint ended it in the middle; `long`: there is more of it than is held. */
  readonly end: 'whole' | 'cut' | 'long';
}

/** True for JSON, as far as it was read, that may be short enough. `length`: of the whole, if known. */
export function isHeldWhole({ text, length }: HeldPieces, whole: number | undefined): boolean {
  return length <= HELD_BYTES && (whole ?? 0) <= HELD_BYTES && /^\ufeff?\s*[{[]/.test(text);
}

/** Reads on behind the pieces that are held. Each further one is copied, however small it is. */
export async function readWhole(
  source: PieceSource,
  held: HeldPieces,
  onPiece: OnPiece,
  whole: number | undefined,
): Promise<HeldAnswer> {
  const rest = new HeldBytes();
  const answer = (end: HeldAnswer['end']) => ({
    bytes: rest.length === 0 ? held.bytes : joinedBytes([held.bytes, rest.take()]),
    end,
  });
  source.keep();
  for (;;) {
    // A connection that breaks behind all of the answer has not cut it.
    const piece = await source.next().catch(() => undefined);
    if (piece === undefined || piece.done || piece.value === undefined) {
      const { bytes } = answer('whole');
      return { bytes, end: isWhole(bytes, whole) ? 'whole' : 'cut' };
    }
    onPiece(piece.value);
    rest.push(piece.value);
    const length = held.length + rest.length;
    if (length === whole) return answer('whole');
    if (length > HELD_BYTES) return answer('long');
  }
}

/**
 * True where all of an answer in JSON is there. Some proxies end one in order that was cut off behind
 * them.
 */
export function isWhole(bytes: Uint8Array, whole: number | undefined): boolean {
  return (whole === undefined || bytes.length === whole) && isBalanced(bytes);
}

/**
 * Relays an answer that has begun, no faster than the client reads: a write ends when its bytes were
 * taken, so one buffer serves for all of them (a new one for each piece would be garbage faster than
 * it is collected). How the answer ends is told to its client here, and reported by `forward.ts`.
 */
import { faultComment } from '../apis/streams/answer-format.ts';
import type { ApiError } from '../http/errors.ts';
import type { AnswerReading } from './answer-reading.ts';
import type { Opening } from './opening.ts';
import type { Piece, PieceSource } from './piece-source.ts';

const EMPTY = new Uint8Array(0);
/**
 * Longest time for which the event that finishes an answer waits for the usage behind it, ms: engines
 * send both at once.
 */
const FINISH_WAIT_MS = 100;

type Sink = WritableStreamDefaultWriter<Uint8Array>;

/** `whole`: up to its end; `failed`: the endpoint reported a fault; `broken`: it broke off. */
export type RelayEnd = 'whole' | 'failed' | 'broken';

export interface Relayed {
  readonly source: PieceSource;
  readonly reading: AnswerReading;
  readonly opening: Opening & { kind: 'answer' };
  /** Called before the last bytes of the client's answer; `open`: the endpoint has not closed its own. */
  readonly onEnd: (end: RelayEnd, open: boolean) => void;
  /** Called when all of a stream's answer is there, though more may follow. */
  readonly onComplete: () => void;
  /** The fault that a client is told of where the endpoint broke off. */
  readonly fault: () => ApiError;
}

export class Relay {
  readonly #relayed: Relayed;
  readonly #sink: Sink;
  /** The client is not reading more of the answer at the moment. */
  #isClientIdle = false;

  constructor(relayed: Relayed, sink: Sink) {
    this.#relayed = relayed;
    this.#sink = sink;
  }

  get isClientIdle(): boolean {
    return this.#isClientIdle;
  }

  async run(): Promise<void> {
    const { source, reading, opening, onComplete } = this.#relayed;
    try {
      await this.#write(opening.bytes);
      let { isEnded } = opening;
      while (!isEnded && !reading.isOver) {
        if (reading.isComplete) onComplete();
        const { done, value } = await this.#next(source, reading);
        if (done || value === undefined) isEnded = true;
        else await this.#write(reading.push(value));
      }
      await this.#close(!isEnded);
    } catch (error) {
      await this.#breakOff(error);
    }
  }

  /** The next piece. The event that finishes an answer waits for it, but not long. */
  async #next(source: PieceSource, { stream }: AnswerReading): Promise<Piece> {
    if (!stream?.finishWaits) return source.next();
    const over = Promise.withResolvers<void>();
    const timer = setTimeout(over.resolve, FINISH_WAIT_MS);
    try {
      const piece = await source.nextBefore(over.promise);
      if (piece) return piece;
    } finally {
      clearTimeout(timer);
    }
    await this.#write(stream.finish());
    return source.next();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    this.#isClientIdle = true;
    await this.#sink.write(bytes);
    this.#isClientIdle = false;
  }

  async #close(open: boolean): Promise<void> {
    const { reading, onEnd } = this.#relayed;
    const ended = reading.stream?.end();
    if (ended) await this.#write(ended.rest);
    if (ended?.state === 'open') {
      return this.#breakOff(new Error('the endpoint closed the stream before its end'));
    }
    // The report is sent before the client can make its next call.
    onEnd(ended?.state === 'failed' ? 'failed' : 'whole', open);
    await this.#sink.close();
  }

  /**
   * The answer broke off in the middle: the client must not take it for a complete one, and is to make
   * the call again. Its connection breaks too, after a comment for whoever looks: agents end their
   * session at an event with an error, and take a clean end for the whole.
   */
  async #breakOff(error: unknown): Promise<void> {
    const { reading, onEnd, fault } = this.#relayed;
    // What does not come after the reasons to finish is no part of the answer.
    const isWhole = reading.isComplete;
    onEnd(isWhole ? 'whole' : 'broken', false);
    const sink = this.#sink;
    try {
      if (isWhole) {
        await this.#write(reading.stream?.finish() ?? EMPTY);
        return await sink.close();
      }
      if (reading.stream) await sink.write(faultComment(fault()));
      await sink.abort(error);
    } catch {
      // The client has left in the meantime.
    }
  }
}

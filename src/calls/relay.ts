/**
 * Relays an answer that has begun, no faster than the client reads: a write ends when its bytes were
 * taken, so one buffer serves for all of them (a new one for each piece would be garbage faster than
 * it is collected). Pieces that come faster than tokens are written go together, since a write
 * is a third of what a piece costs. How the answer ends is told to its client here, and reported by `forward.ts`.
 */
import { faultComment } from '../apis/streams/answer-format.ts';
import type { AnswerStream } from '../apis/streams/answer-stream.ts';
import { HeldBytes } from '../apis/streams/held-bytes.ts';
import type { ApiError } from '../http/errors.ts';
import type { AnswerReading } from './answer-reading.ts';
import type { Opening } from './opening.ts';
import type { Piece, PieceSource } from './piece-source.ts';
import { WritePace } from './write-pace.ts';

const EMPTY = new Uint8Array(0);
/**
 * Longest time for which the event that finishes an answer waits for the usage behind it, ms: engines
 * send both at once.
 */
const FINISH_WAIT_MS = 100;
/** More bytes do not wait. */
const MOST_TOGETHER_BYTES = 16_384;

type Sink = WritableStreamDefaultWriter<Uint8Array>;

/** `whole`: up to its end; `failed`: the endpoint reported a fault; `broken`: it broke off. */
export type RelayEnd = 'whole' | 'failed' | 'broken';

export interface Relayed {
  readonly source: PieceSource;
  readonly reading: AnswerReading;
  readonly opening: Opening & { kind: 'answer' };
  /** Called before the end of the client's answer; `open`: the endpoint has not closed its own. */
  readonly onEnd: (end: RelayEnd, open: boolean) => void;
  /** Called when all of a stream's answer is there, though more may follow. */
  readonly onComplete: () => void;
  /** True where a client that got this error under a status of success may make the call again. */
  readonly isWorthRetrying: (fault: string) => boolean;
  /** The fault that a client is told of where the endpoint broke off. */
  readonly fault: () => ApiError;
}

export class Relay {
  readonly #relayed: Relayed;
  readonly #sink: Sink;
  /** Bytes that wait for more, and when they are written at the latest. */
  readonly #together = new HeldBytes();
  readonly #pace = new WritePace();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #wroteAt = 0;
  /** Settles when the bytes that were written last are taken; undefined while there are none. */
  #writing: Promise<void> | undefined;

  constructor(relayed: Relayed, sink: Sink) {
    this.#relayed = relayed;
    this.#sink = sink;
  }

  /** The client is not reading more of the answer at the moment. */
  get isClientIdle(): boolean {
    return this.#writing !== undefined;
  }

  async run(): Promise<void> {
    const { source, reading, opening, onComplete } = this.#relayed;
    try {
      await this.#write(opening.bytes);
      let { isEnded } = opening;
      while (!isEnded && !reading.isOver) {
        if (reading.isComplete) onComplete();
        // Only what has to be waited for is: each promise is paid for by each piece.
        const next = reading.stream?.finishWaits
          ? this.#afterFinish(source, reading.stream)
          : source.next();
        const { done, value } = await next;
        const writing = done || !value ? undefined : this.#pass(reading.push(value));
        if (writing !== undefined) await writing;
        isEnded = done || value === undefined;
      }
      await this.#close(!isEnded);
    } catch (error) {
      forgetReceivers(error);
      await this.#breakOff(error);
    } finally {
      this.#stopTimer();
    }
  }

  /** The next piece, for which the event that finishes an answer waits, but not long. */
  async #afterFinish(source: PieceSource, stream: AnswerStream): Promise<Piece> {
    const piece = await source.nextWithin(FINISH_WAIT_MS);
    if (piece) return piece;
    await this.#write(stream.finish());
    return source.next();
  }

  /**
   * Passes on bytes that are valid until the promise settles, and until the next piece is read where
   * there is none: at once, or soon with what follows.
   */
  #pass(bytes: Uint8Array): Promise<void> | undefined {
    if (bytes.length === 0) return undefined;
    const now = Date.now();
    const apartMs = this.#pace.piece(now);
    // A clock that went back must not hold the answer.
    const waitMs = Math.min(apartMs, this.#wroteAt + apartMs - now);
    if (waitMs <= 0 || this.#together.length + bytes.length > MOST_TOGETHER_BYTES) {
      return this.#write(bytes);
    }
    this.#together.push(bytes);
    // The relay goes on meanwhile, and learns of a client that has left by its next write.
    this.#timer ??= setTimeout(() => void this.#write(EMPTY).catch(() => {}), waitMs);
    return undefined;
  }

  /** Writes what waits and the bytes, as soon as the client has taken what was written before. */
  async #write(bytes: Uint8Array): Promise<void> {
    this.#stopTimer();
    while (this.#writing !== undefined) await this.#writing;
    const waits = this.#together.length > 0;
    if (waits && bytes.length > 0) this.#together.push(bytes);
    const all = waits ? this.#together.take() : bytes;
    if (all.length === 0) return;
    this.#wroteAt = Date.now();
    const writing = this.#sink.write(all);
    this.#writing = writing;
    await writing;
    this.#writing = undefined;
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  async #close(open: boolean): Promise<void> {
    const { reading, onEnd } = this.#relayed;
    const ended = reading.stream?.end();
    if (ended?.state === 'open') {
      await this.#write(ended.rest);
      return this.#breakOff(new Error('the endpoint closed the stream before its end'));
    }
    const late = reading.lateFault;
    const isFailed = ended?.state === 'failed' || late !== undefined;
    // The report is sent before the client can make its next call.
    onEnd(isFailed ? 'failed' : 'whole', open);
    await this.#write(ended?.rest ?? EMPTY);
    // Clients look for no error under a status of success; a break is one to all of them.
    if (late !== undefined && this.#relayed.isWorthRetrying(late)) {
      await this.#sink.abort(new Error('the endpoint reported a fault in place of its answer'));
    } else await this.#sink.close();
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
      await this.#write(reading.stream ? faultComment(fault()) : EMPTY);
      await sink.abort(error);
    } catch {
      // The client has left in the meantime.
    }
  }
}

/**
 * Reads the stack of an error. Until somebody does, V8 keeps the receivers of all methods that waited for
 * what failed; and the platform keeps the error with the stream, out of the collector's reach. So a client
 * that left in mid-stream left the relay, its stream and all of its call in memory for ever: 12 to 32 kB.
 */
function forgetReceivers(error: unknown): void {
  if (error instanceof Error) void error.stack;
}

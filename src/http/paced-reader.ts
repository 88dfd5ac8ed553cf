/**
 * Reads a body that must arrive at some pace: a client that stops, or sends a byte now and then,
 * would hold memory or a slot without end. Only the time counts in which a read waits for the client,
 * so a body that is read slowly is nobody's fault.
 */
import { type ByteSource, byteSource, GrowingBuffer } from './byte-source.ts';
import { type ApiError, wrongInput } from './errors.ts';

/** How fast a body must arrive. Times in ms. */
export interface Pace {
  /** Longest silence. */
  readonly idleMs: number;
  /** Longest time for the whole body. */
  readonly totalMs: number;
  /** Slowest average after the first `graceMs`; 0: any. */
  readonly bytesPerSecond: number;
  readonly graceMs: number;
}

/** The pace for bodies of paths where no tenant has set one. */
export const USUAL_PACE: Pace = {
  idleMs: 20_000,
  totalMs: 300_000,
  bytesPerSecond: 1_000,
  graceMs: 10_000,
};

/** Most bytes that are read of a body that is refused, and for how long. */
const MAX_DISCARDED_BYTES = 100_000_000;
const DISCARDED: Pace = { idleMs: 300, totalMs: 30_000, bytesPerSecond: 0, graceMs: 0 };

export type Piece =
  | { readonly status: 'piece'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly status: 'end' }
  /** The client broke off, or is too slow. */
  | { readonly status: 'failed'; readonly error: ApiError };

export class PacedReader {
  readonly #source: ByteSource;
  readonly #buffers = new GrowingBuffer();
  #pace: Pace | undefined;
  /** Bytes that have arrived. */
  bytes = 0;
  /** Time that reads have waited before the one that waits now. */
  #waitedMs = 0;
  #waitsSince: number | undefined;
  #isReading = false;
  /** The body has ended or failed, or nobody reads the rest. */
  #isOver = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #onLate: (error: ApiError) => void = () => {};

  constructor(body: ReadableStream<Uint8Array>, pace: Pace) {
    this.#source = byteSource(body);
    this.#pace = pace;
  }

  /** True where a body can be read into a buffer of its reader's. */
  get fillsBuffers(): boolean {
    return this.#source.fillsBuffers;
  }

  /**
   * The next piece; one read at a time. After `end` and `failed` there is none. Where `buffer` is
   * given and can be filled, the piece is its beginning, and the buffer itself can no longer be used.
   */
  read(buffer?: Uint8Array<ArrayBuffer>): Promise<Piece> {
    return new Promise((resolve) => {
      const settle = (piece: Piece) => {
        this.#isReading = false;
        this.pause();
        if (piece.status !== 'piece') {
          this.#isOver = true;
          this.stop();
        }
        resolve(piece);
      };
      this.#onLate = (error) => {
        settle({ status: 'failed', error });
        this.cancel();
      };
      this.#isReading = true;
      this.resume();
      this.#source.read(buffer ?? this.#buffers.next).then(
        ({ done, value }) => {
          if (done || value === undefined) return settle({ status: 'end' });
          this.bytes += value.length;
          settle({ status: 'piece', bytes: buffer ? value : this.#kept(value) });
        },
        () => settle({ status: 'failed', error: BROKEN.error }),
      );
    });
  }

  /** The read that waits, if one does, is in no hurry from now on. */
  pause(): void {
    if (this.#waitsSince === undefined) return;
    this.#waitedMs += Date.now() - this.#waitsSince;
    this.#waitsSince = undefined;
  }

  /** The read that waits, if one does, is in a hurry again. */
  resume(): void {
    if (!this.#isReading || this.#waitsSince !== undefined) return;
    this.#waitsSince = Date.now();
    if (this.#pace && this.#timer === undefined) this.#arm(this.#pace);
  }

  /** From now on the body may arrive at any pace. */
  stop(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pace = undefined;
  }

  /**
   * Reads and drops the rest of a body that is refused: a client that still sends would find its
   * connection closed and never read the answer. Ends soon: with a client that falls silent, or sends
   * on for too long.
   */
  async discard(): Promise<void> {
    if (this.#isOver) return;
    this.stop();
    this.#pace = DISCARDED;
    this.#waitedMs = 0;
    const before = this.bytes;
    // One buffer for all of it: nobody keeps what is read.
    const buffers = new GrowingBuffer();
    while (this.bytes - before < MAX_DISCARDED_BYTES) {
      const piece = await this.read(buffers.next);
      if (piece.status !== 'piece') break;
      if (this.fillsBuffers) buffers.reuse(piece.bytes);
    }
    this.cancel();
  }

  /** Nobody reads the rest. */
  cancel(reason?: unknown): void {
    this.#isOver = true;
    this.stop();
    this.#source.cancel(reason).catch(() => {});
  }

  /** A piece that its reader keeps: a few bytes must not hold a large buffer. */
  #kept(piece: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    if (!this.fillsBuffers) return piece;
    if (piece.length < piece.buffer.byteLength / 2) {
      const copy = piece.slice();
      this.#buffers.reuse(piece);
      return copy;
    }
    this.#buffers.keep(piece);
    return piece;
  }

  /** One timer for the whole body: it looks at the pace when the earliest limit may be reached. */
  #arm(pace: Pace): void {
    const idleMs = this.#waitsSince === undefined ? 0 : Date.now() - this.#waitsSince;
    const waitedMs = this.#waitedMs + idleMs;
    const leftMs = Math.min(
      pace.idleMs - idleMs,
      pace.totalMs - waitedMs,
      allowedMs(pace, this.bytes) - waitedMs,
    );
    // A timer may fire a little early; less than that is not worth another one.
    this.#timer = setTimeout(() => this.#look(pace), Math.max(1, leftMs));
  }

  #look(pace: Pace): void {
    this.#timer = undefined;
    if (this.#waitsSince === undefined) return;
    const idleMs = Date.now() - this.#waitsSince;
    const waitedMs = this.#waitedMs + idleMs;
    const message = lateness(pace, { idleMs, waitedMs, bytes: this.bytes });
    if (message === undefined) this.#arm(pace);
    else this.#onLate({ code: 'request_timeout', message });
  }
}

const BROKEN = wrongInput({ message: 'The body broke off.' });

/** How a body is too late, in words for its sender; undefined where it is not. */
function lateness(
  pace: Pace,
  { idleMs, waitedMs, bytes }: { idleMs: number; waitedMs: number; bytes: number },
): string | undefined {
  if (idleMs >= pace.idleMs) {
    return `The body stopped: nothing of it came for ${pace.idleMs} ms, after ${bytes} bytes.`;
  }
  if (waitedMs >= pace.totalMs) {
    return `The body took too long: it may take ${pace.totalMs} ms.`;
  }
  if (waitedMs < allowedMs(pace, bytes)) return undefined;
  const { bytesPerSecond, graceMs } = pace;
  return `The body is too slow: after ${graceMs} ms, at least ${bytesPerSecond} bytes a second.`;
}

/** Time that so many bytes may take. */
function allowedMs({ bytesPerSecond, graceMs }: Pace, bytes: number): number {
  return bytesPerSecond === 0 ? Infinity : graceMs + (bytes / bytesPerSecond) * 1_000;
}

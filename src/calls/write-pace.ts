/**
 * How far apart the writes of an answer are: as many ms as answers are relayed by this isolate. A write
 * costs some 20 us, so all of them take a fiftieth of a core at the most. Without this, with 64 answers
 * of an endpoint that sends as fast as it is read, each piece comes later than the least time by itself
 * and is a write of its own (a fifth of the CPU of such a stream).
 */

const LEAST_MS = 4;
const MOST_MS = 20;
const MS_EACH_ANSWER = 1;
/** An answer counts where a piece of it has come in the present span of this length, or the last, ms. */
const SPAN_MS = 100;

/** Spans are numbered by their time. What is counted passes by itself: a Worker may end without notice. */
let span = 0;
let answersNow = 0;
let answersBefore = 0;

export class WritePace {
  /** The span in which this answer was counted last. */
  #span = -1;

  /** A piece of the answer has come: the least time between its writes, ms. */
  piece(now: number): number {
    const at = Math.floor(now / SPAN_MS);
    if (at !== span) {
      answersBefore = at === span + 1 ? answersNow : 0;
      answersNow = 0;
      span = at;
    }
    if (this.#span !== at) answersNow += 1;
    this.#span = at;
    const answers = Math.max(answersNow, answersBefore);
    return Math.min(MOST_MS, Math.max(LEAST_MS, MS_EACH_ANSWER * answers));
  }
}

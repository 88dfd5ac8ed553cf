/**
 * The callers that wait for a slot, by call id, and the answers they get; the order in which they
 * get slots is the dispatcher's. Waiters exist in memory only: when the object dies, their wait is
 * cut off, and their Workers submit the call again with the same id and arrival.
 */
import type { Grant, Refusal } from '../../src/protocol/admission.ts';

interface Waiter {
  /** The ticket that holds the place; an older ticket of the same call holds it no longer. */
  owner: object;
  answer: Grant | Refusal | undefined;
  /** Set where there will be no answer: the caller has to ask again. */
  failure: Error | undefined;
  readonly promise: Promise<Grant | Refusal>;
  readonly resolve: (answer: Grant | Refusal) => void;
  readonly reject: (failure: Error) => void;
}

export class Waiters {
  readonly #waiters = new Map<string, Waiter>();
  /** Waiters whose refusal or failure nobody had collected at the last check. */
  readonly #uncollected = new WeakSet<Waiter>();

  /** Adds a caller. A second caller of the same call takes over its place. */
  add(callId: string, owner: object): void {
    const waiter = this.#waiters.get(callId);
    // A refusal or failure that nobody collected belongs to an earlier submission.
    const isOver = waiter?.failure !== undefined || waiter?.answer?.status === 'refused';
    if (waiter && !isOver) waiter.owner = owner;
    else this.#begin(callId, owner);
  }

  /** Drops an answer whose slot is gone: the call waits again. */
  forgetAnswer(callId: string): void {
    const waiter = this.#waiters.get(callId);
    if (waiter?.answer) this.#begin(callId, waiter.owner);
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** Rejects the caller's wait, as a restart of the object does: the caller asks again. */
  fail(callId: string, failure: Error): void {
    // An answer that the call already has is no longer valid.
    this.forgetAnswer(callId);
    const waiter = this.#waiters.get(callId);
    if (!waiter) return;
    waiter.failure = failure;
    waiter.reject(failure);
  }

  /**
   * Deletes refusals and failures that nobody has collected since the previous call of this method:
   * their callers are gone.
   */
  forgetUncollected(): void {
    for (const [callId, waiter] of this.#waiters) {
      if (!waiter.failure && waiter.answer?.status !== 'refused') continue;
      if (this.#uncollected.has(waiter)) this.#waiters.delete(callId);
      else this.#uncollected.add(waiter);
    }
  }

  /** Why there will be no answer. */
  failure(callId: string): Error | undefined {
    return this.#waiters.get(callId)?.failure;
  }

  owns(callId: string, owner: object): boolean {
    return this.#waiters.get(callId)?.owner === owner;
  }

  resolve(callId: string, answer: Grant | Refusal): void {
    const waiter = this.#waiters.get(callId);
    if (!waiter) return;
    waiter.answer = answer;
    waiter.resolve(answer);
  }

  /** The answer, where there is one already. */
  answer(callId: string): Grant | Refusal | undefined {
    return this.#waiters.get(callId)?.answer;
  }

  /** Resolves with the answer, or rejects with the failure; undefined where nobody waits. */
  wait(callId: string): Promise<Grant | Refusal> | undefined {
    return this.#waiters.get(callId)?.promise;
  }

  delete(callId: string): void {
    this.#waiters.delete(callId);
  }

  /** Forgets all callers; those who wait have their answers. */
  clear(): void {
    this.#waiters.clear();
  }

  #begin(callId: string, owner: object): void {
    const { promise, resolve, reject } = Promise.withResolvers<Grant | Refusal>();
    // It may be rejected before anybody waits for it.
    promise.catch(() => {});
    const unanswered = { answer: undefined, failure: undefined };
    this.#waiters.set(callId, { owner, ...unanswered, promise, resolve, reject });
  }
}

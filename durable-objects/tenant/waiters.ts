/**
 * The callers that wait for a slot, by call id. They exist in memory only: when the object dies,
 * their wait is cut and their Workers submit the call again, with the same id and arrival.
 */
import type { Grant, Refusal } from '../../src/protocol/tenant.ts';

interface Waiter {
  /** The ticket that holds the place; an older one of the same call no longer does. */
  owner: object;
  answer: Grant | Refusal | undefined;
  /** There will be no answer: the caller has to ask again. */
  failure: Error | undefined;
  readonly promise: Promise<Grant | Refusal>;
  readonly resolve: (answer: Grant | Refusal) => void;
  readonly reject: (failure: Error) => void;
}

export class Waiters {
  readonly #waiters = new Map<string, Waiter>();
  /** Refusals and failures that nobody had come for when it was last asked. */
  readonly #uncollected = new WeakSet<Waiter>();

  /** The caller waits; a second caller of the same call takes its place over. */
  add(callId: string, owner: object): void {
    const known = this.#waiters.get(callId);
    // A last word that nobody came for was another submission's.
    const isOver = known?.failure !== undefined || known?.answer?.status === 'refused';
    if (known && !isOver) known.owner = owner;
    else this.#begin(callId, owner);
  }

  /** The slot of its answer is gone, and the call waits again. */
  forgetAnswer(callId: string): void {
    const known = this.#waiters.get(callId);
    if (known?.answer) this.#begin(callId, known.owner);
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** The caller's wait is cut, as by a restart: it asks again. */
  fail(callId: string, failure: Error): void {
    // An answer that it had counts no more.
    this.forgetAnswer(callId);
    const waiter = this.#waiters.get(callId);
    if (!waiter) return;
    waiter.failure = failure;
    waiter.reject(failure);
  }

  /** Forgets last words that nobody has come for since this was last called: their callers are gone. */
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

  /** The answer, where it is known already. */
  answer(callId: string): Grant | Refusal | undefined {
    return this.#waiters.get(callId)?.answer;
  }

  wait(callId: string): Promise<Grant | Refusal> | undefined {
    return this.#waiters.get(callId)?.promise;
  }

  delete(callId: string): void {
    this.#waiters.delete(callId);
  }

  #begin(callId: string, owner: object): void {
    const { promise, resolve, reject } = Promise.withResolvers<Grant | Refusal>();
    // Perhaps nobody waits for it yet.
    promise.catch(() => {});
    const nothing = { answer: undefined, failure: undefined };
    this.#waiters.set(callId, { owner, ...nothing, promise, resolve, reject });
  }
}

/**
 * The callers that wait for a slot, by call id. They exist in memory only: when the object dies,
 * their wait is cut and their Workers submit the call again, with the same id and arrival.
 */
import type { Grant, Refusal } from '../src/protocol.ts';

interface Waiter {
  /** The ticket that holds the place; an older one of the same call no longer does. */
  owner: object;
  answer: Grant | Refusal | undefined;
  readonly promise: Promise<Grant | Refusal>;
  readonly resolve: (answer: Grant | Refusal) => void;
}

export class Waiters {
  readonly #waiters = new Map<string, Waiter>();

  /** The caller waits; a second caller of the same call takes its place over. */
  add(callId: string, owner: object): void {
    const known = this.#waiters.get(callId);
    if (known) {
      known.owner = owner;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<Grant | Refusal>();
    this.#waiters.set(callId, { owner, answer: undefined, promise, resolve });
  }

  /** The caller waits once more, for another attempt. */
  reopen(callId: string): void {
    const waiter = this.#waiters.get(callId);
    if (!waiter) return;
    this.#waiters.delete(callId);
    this.add(callId, waiter.owner);
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
}

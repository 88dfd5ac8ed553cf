/**
 * One round of grants at a backend: its free slots go to waiting calls in the queue's order, as far as
 * an endpoint takes the call and its API key may have another slot. Calls that get none keep their
 * places, or are held back for an endpoint that is full. What a grant does is in leases.ts.
 */
import type { Backend } from '../backends/backend.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import type { NextCall, QueueState } from '../order/waiting-queue.ts';
import { sequencesOf } from '../runs/call-request.ts';
import type { LiveCall } from '../runs/live-run.ts';
import { keyOf } from './held-slots.ts';
import type { Ranking } from './ranking.ts';
import { WideCalls } from './wide-calls.ts';

/** Gives a call that was taken from the queue a slot of an endpoint. */
export type Grant = (next: NextCall, backend: Backend, endpoint: Endpoint, now: number) => void;

const NONE: ReadonlySet<string> = new Set();

export class GrantRound {
  readonly #ranking: Pick<Ranking, 'queueRank'>;
  readonly #grant: Grant;

  constructor(ranking: Pick<Ranking, 'queueRank'>, grant: Grant) {
    this.#ranking = ranking;
    this.#grant = grant;
  }

  /**
   * Grants the backend's free slots. Returns true where a call waits beside a free slot, because the
   * endpoints that have one failed it.
   */
  grantFree(backend: Backend, now: number): boolean {
    const left: LiveCall[] = [];
    backend.endPauses(now);
    for (const call of backend.adapterCalls.review(now)) backend.enqueue(call, now);
    backend.choice.beginRound(now);
    const wide = new WideCalls();
    const { heldBack } = backend;
    for (let call = heldBack.expired(now); call; call = heldBack.expired(now)) {
      backend.unhold(call, now);
    }
    this.#inOrder(backend, left, wide, now);
    if (heldBack.size > 0 && backend.choice.hasFree(now)) {
      // No other call wants the slots that are free: those that are held back are placed anew.
      for (const call of backend.queue.heldCalls()) backend.unhold(call, now);
      this.#inOrder(backend, left, wide, now);
    }
    if (heldBack.size > 0) heldBack.slotIsFree(backend.choice.hasFree(now), now);
    for (const call of left) backend.queue.add(call);
    wide.putBack(backend.queue);
    backend.choice.endRound((key, slotMs) => backend.shares.charge(key, slotMs));
    return left.length > 0;
  }

  /** Grants free slots in the queue's order; `left`: calls that no endpoint takes now. */
  #inOrder(backend: Backend, left: LiveCall[], wide: WideCalls, now: number): void {
    while (backend.queue.size > 0) {
      const { slots, urgentRunning } = backend;
      const isOpen = (endpoint: string) => backend.choice.isOpen(endpoint, now);
      const turns = turnsOf(backend, isOpen, now);
      const isFull = !backend.choice.hasRoom;
      const next = backend.queue.take({ now, slots, urgentRunning, ...turns, isOpen, isFull });
      if (!next) return;
      if (!wide.letsPass(next)) return backend.queue.addBack(next);
      const { call } = next;
      backend.heldBack.release(call, now);
      if (this.#isTooWide(next, backend, wide, now)) continue;
      this.#place(next, backend, left, now);
    }
  }

  /** Grants a call that was taken from the queue, holds it back, or leaves it. */
  #place(next: NextCall, backend: Backend, left: LiveCall[], now: number): void {
    const { call, key } = next;
    const mayHold = !next.urgent && call.attempts === 0 && call.placed.heldUntil > now;
    const placed = backend.placement.place(call, key, mayHold, now);
    if (placed?.type === 'hold') {
      call.placed.heldUntil = Math.min(call.placed.heldUntil, placed.until);
      return backend.hold(next, placed.endpoint.spec.id, now);
    }
    if (placed?.type === 'load') return backend.adapterCalls.park(call, now);
    const best = placed?.endpoint;
    const isAvoided = best && call.avoid?.has(best.spec.id);
    const hasOther = isAvoided && backend.choice.hasOther(call.avoid ?? NONE, now, keyOf(call));
    if (!best || hasOther) left.push(call);
    else this.#grant(next, backend, best, now);
  }

  /** Holds a call that no endpoint has room for although one has a free slot. */
  #isTooWide(next: NextCall, backend: Backend, wide: WideCalls, now: number): boolean {
    const { call, key, promisedKey } = next;
    const sequences = sequencesOf(call.request);
    if (sequences === 1 || backend.choice.pick(now, call.avoid, keyOf(call), sequences))
      return false;
    const narrow = backend.choice.pick(now, call.avoid, keyOf(call));
    if (!narrow || call.avoid?.has(narrow.spec.id)) return false;
    backend.choice.keepFor(call, now);
    wide.hold(next, this.#ranking.queueRank(call.run, key, promisedKey).boundMs);
    return true;
  }
}

/** Which keys may take a free slot: those that some endpoint accepts, within their fair share. */
function turnsOf(
  backend: Backend,
  isOpen: (endpoint: string) => boolean,
  now: number,
): Pick<QueueState, 'mayTake' | 'turns'> {
  const { shares } = backend;
  const isShared = shares.isShared(now, backend.choice.barredKeys(now));
  const slots = isShared ? backend.pool.upSlots(now) : Infinity;
  const accepts = (key: string) =>
    backend.queue.wantsSlot(key, isOpen) && backend.choice.pick(now, undefined, key) !== undefined;
  if (slots === Infinity) return { mayTake: accepts };
  return {
    mayTake: (key) => {
      if (!accepts(key)) return false;
      const free = () => backend.freeSlots(now, key);
      return shares.mayTake(key, now, { slots, free, accepts });
    },
    turns: {
      mostUsedMs: () => shares.mostUsedMs(now, accepts),
      usedMs: (key) => shares.usedMs(key, now),
    },
  };
}

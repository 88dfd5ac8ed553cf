/**
 * Which endpoints of a backend take a call, and which of them is the next one's: the warm one with the
 * largest share of free slots. What its prefix and its adapter change about that is decided in
 * call-placement.ts.
 */
import { sequencesOf } from '../runs/call-request.ts';
import type { LiveCall } from '../runs/live-run.ts';
import type { BackendSpec } from './backend-spec.ts';
import type { Endpoint } from './endpoint.ts';
import type { EndpointPool } from './endpoint-pool.ts';
import { KeptSlots } from './kept-slots.ts';

/** Score deducted for an endpoint to avoid; larger than any preference. */
const AVOIDED_PENALTY = 10;

/** The part of a backend that is read here. */
export interface ChoiceView {
  readonly spec: Pick<BackendSpec, 'whileCold'>;
  readonly pool: Pick<EndpointPool, 'list' | 'byId'>;
}

export class EndpointChoice {
  readonly #backend: ChoiceView;
  /** Slots that are left to calls that need several. */
  readonly #kept = new KeptSlots();

  constructor(backend: ChoiceView) {
    this.#backend = backend;
  }

  get #list(): readonly Endpoint[] {
    return this.#backend.pool.list;
  }

  /**
   * The endpoint for the next call: a warm one before others, then the largest share of free slots.
   * One of `avoid`, which failed the call before, is chosen only where no other can take the call.
   * `key`: the call's API key, which some endpoints may not be trusted with. `sequences`: the slots
   * that it needs at one endpoint.
   */
  pick(now: number, avoid?: ReadonlySet<string>, key = '', sequences = 1): Endpoint | undefined {
    let best: Endpoint | undefined;
    let bestScore = -Infinity;
    const wanted = sequences > 1 ? this.#slotsFor(sequences, key, avoid, now) : 1;
    for (const endpoint of this.#list) {
      if (endpoint.spec.slots < wanted || !this.#accepts(endpoint, now, key, wanted)) continue;
      const score = preference(endpoint) - (avoid?.has(endpoint.spec.id) ? AVOIDED_PENALTY : 0);
      if (score > bestScore) [best, bestScore] = [endpoint, score];
    }
    return best;
  }

  /** Slots that a call of so many sequences waits for: no more than the largest endpoint has. */
  #slotsFor(
    sequences: number,
    key: string,
    avoid: ReadonlySet<string> | undefined,
    now: number,
  ): number {
    let most = 1;
    for (const endpoint of this.#list) {
      if (avoid?.has(endpoint.spec.id) || endpoint.upSlots(now) === 0) continue;
      if (endpoint.trust.isOpenFor(key, now)) continue;
      most = Math.max(most, endpoint.spec.slots);
    }
    return Math.min(sequences, most);
  }

  #accepts(endpoint: Endpoint, now: number, key: string, sequences = 1): boolean {
    if (this.isKept(endpoint.spec.id)) return false;
    if (endpoint.isReady(now, key, sequences)) return true;
    if (this.#backend.spec.whileCold === 'hold' || endpoint.wakes.refusesCalls) return false;
    if (!endpoint.takesCalls || endpoint.state === 'warm') return false;
    return endpoint.slots.hasRoom(now, sequences) && endpoint.trust.admits(key, now);
  }

  /**
   * Keeps the endpoint with the most free slots for a call that needs more, until the next round of
   * grants. One that failed the call is not kept for it.
   */
  keepFor(call: LiveCall, now: number): void {
    const key = call.request.keyId ?? '';
    const wanted = this.#slotsFor(sequencesOf(call.request), key, call.avoid, now);
    let best: Endpoint | undefined;
    let most = 0;
    for (const endpoint of this.#list) {
      if (endpoint.spec.slots < wanted || call.avoid?.has(endpoint.spec.id)) continue;
      if (!this.#accepts(endpoint, now, key)) continue;
      const free = endpoint.slots.freeAt(now);
      if (free > most) [best, most] = [endpoint, free];
    }
    const { callId } = call.request;
    if (best) this.#kept.keep(best.spec.id, { callId, key, slots: most, since: now });
  }

  /** A round of grants begins: nothing is kept yet. */
  beginRound(now: number): void {
    this.#kept.beginRound(now);
  }

  /** It has ended; `charge`: an API key kept slots from others, slot-ms. */
  endRound(charge: (key: string, slotMs: number) => void): void {
    this.#kept.endRound(charge);
  }

  /** True where an endpoint is left to a call that needs several of its slots. */
  isKept(id: string): boolean {
    return this.#kept.has(id);
  }

  /** True where no endpoint can be used or woken for calls of a key: paused, or its circuit is open. */
  isDown(now: number, key = ''): boolean {
    for (const { takesCalls, trust } of this.#list) {
      if (takesCalls && !trust.isOpenFor(key, now)) return false;
    }
    return true;
  }

  /** The keys of which no endpoint takes calls now, even with a free slot; or all of them. */
  barredKeys(now: number): ReadonlySet<string> | 'all' {
    let barred: ReadonlySet<string> | undefined;
    for (const { takesCalls, trust } of this.#list) {
      if (!takesCalls || !trust.admitsSome(now)) continue;
      barred = trust.barredOf(barred, now);
      if (barred.size === 0) break;
    }
    return barred ?? 'all';
  }

  /** True where a retry has another endpoint: a usable one that has not failed the call. */
  hasOther(avoid: ReadonlySet<string>, now: number, key = ''): boolean {
    for (const { takesCalls, spec, trust } of this.#list) {
      if (takesCalls && !avoid.has(spec.id) && !trust.isOpenFor(key, now)) return true;
    }
    return false;
  }

  /** Slots that calls can be sent to at once; an endpoint in slow start counts as one. */
  freeSlots(now: number, key = ''): number {
    let free = 0;
    for (const endpoint of this.#list) {
      const { slots } = endpoint;
      if (this.#accepts(endpoint, now, key)) free += slots.isOpening ? 1 : slots.free;
    }
    return free;
  }

  /** True where some endpoint takes a call now, of whatever key. */
  hasFree(now: number): boolean {
    for (const endpoint of this.#list) {
      if (endpoint.isReady(now) && !this.isKept(endpoint.spec.id)) return true;
    }
    return false;
  }

  /** False where no endpoint has a free slot, for whatever call and in whatever state. */
  get hasRoom(): boolean {
    for (const { slots, takesCalls } of this.#list) if (slots.free > 0 && takesCalls) return true;
    return false;
  }

  /**
   * False where an endpoint, for which calls are held back, is full; true where it has a slot, or is
   * no longer worth waiting for.
   */
  isOpen(id: string, now: number): boolean {
    const endpoint = this.#backend.pool.byId.get(id);
    if (endpoint?.state !== 'warm' || endpoint.upSlots(now) === 0) return true;
    return endpoint.isReady(now) && !this.isKept(id);
  }
}

/** Warm before warming before cold, then by the share of free slots. Slots may be Infinity. */
function preference({ spec, slots, state }: Endpoint): number {
  const used = Number.isFinite(spec.slots) ? slots.held / spec.slots : 0;
  return (state === 'warm' ? 2 : state === 'warming' ? 1 : 0) + (1 - used) / 2;
}

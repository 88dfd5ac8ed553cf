/**
 * The calls that wait until their adapter is loaded somewhere. They are out of the backend's queue,
 * so that nobody looks at them meanwhile, and return to it in the order in which they left.
 */
import { type CallsOfKey, CallTotals } from '../runs/call-totals.ts';
import type { LiveCall } from '../runs/live-run.ts';

/** The calls that wait for one adapter. */
interface Parked {
  /** Since when the first of them has waited, epoch ms. */
  readonly since: number;
  readonly calls: Set<LiveCall>;
}

export class ParkedCalls {
  readonly #parked = new Map<string, Parked>();
  readonly #adapterOf = new Map<LiveCall, string>();
  readonly #totals = new CallTotals();

  /** Number of calls. */
  get size(): number {
    return this.#totals.calls;
  }

  /** Bytes of their bodies. */
  get bytes(): number {
    return this.#totals.bytes;
  }

  /** Calls of an API key, and bytes of their bodies. */
  ofKey(key: string): Readonly<CallsOfKey> {
    return this.#totals.ofKey(key);
  }

  /** The adapters that are waited for, the one that was waited for first before others. */
  get adapters(): readonly string[] {
    return [...this.#parked.keys()];
  }

  /** Since when an adapter has been waited for, epoch ms; Infinity where it is not. */
  since(adapter: string): number {
    return this.#parked.get(adapter)?.since ?? Infinity;
  }

  /** Number of calls that wait for an adapter. */
  waitingFor(adapter: string): number {
    return this.#parked.get(adapter)?.calls.size ?? 0;
  }

  has(call: LiveCall): boolean {
    return this.#adapterOf.has(call);
  }

  calls(): Iterable<LiveCall> {
    return this.#adapterOf.keys();
  }

  add(adapter: string, call: LiveCall, now: number): void {
    if (this.#adapterOf.has(call)) return;
    const parked = this.#parked.get(adapter) ?? { since: now, calls: new Set() };
    this.#parked.set(adapter, parked);
    parked.calls.add(call);
    this.#adapterOf.set(call, adapter);
    call.placed.parkedAt = now;
    this.#totals.count(call, 1);
  }

  /** Removes a call; false where it is not here. */
  delete(call: LiveCall, now: number): boolean {
    const adapter = this.#adapterOf.get(call);
    if (adapter === undefined) return false;
    this.#adapterOf.delete(call);
    const parked = this.#parked.get(adapter);
    parked?.calls.delete(call);
    if (parked?.calls.size === 0) this.#parked.delete(adapter);
    const { placed } = call;
    placed.adapterWaitMs += Math.max(0, now - (placed.parkedAt ?? now));
    placed.parkedAt = undefined;
    // Runs of whatever arrival went first meanwhile.
    placed.heldTo = now;
    this.#totals.count(call, -1);
    return true;
  }

  /** Removes and returns the calls of an adapter that wait longest, `most` at most. */
  take(adapter: string, most: number, now: number): readonly LiveCall[] {
    const taken: LiveCall[] = [];
    for (const call of this.#parked.get(adapter)?.calls ?? []) {
      if (taken.length >= most) break;
      taken.push(call);
    }
    for (const call of taken) this.delete(call, now);
    return taken;
  }

  /** Handles a clock that jumps back: nobody waits since a time to come. */
  clockWentBack(now: number): void {
    for (const [adapter, { since, calls }] of this.#parked) {
      this.#parked.set(adapter, { since: Math.min(since, now), calls });
    }
    for (const { placed } of this.#adapterOf.keys()) {
      placed.parkedAt = Math.min(placed.parkedAt ?? now, now);
    }
  }
}

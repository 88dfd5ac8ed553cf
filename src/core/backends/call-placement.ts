/**
 * Which endpoint of a backend a call takes, or waits for: the one where its prompt is read soonest,
 * because its beginning is in the cache there (expected-caches.ts). A call may be held back for a busy endpoint while the
 * wait expected there is shorter than what it would lose elsewhere. Calls without a prefix, retries,
 * and endpoints that are cold or start slowly are placed as endpoint-choice.ts does.
 */
import { AffinityTotals } from '../affinity/affinity-totals.ts';
import { freeingMs, type RunningCall } from '../affinity/freeing-times.ts';
import { StoredResponses } from '../affinity/stored-responses.ts';
import type { WaitingQueue } from '../order/waiting-queue.ts';
import { sequencesOf } from '../runs/call-request.ts';
import type { CallResult } from '../runs/call-result.ts';
import type { LiveCall } from '../runs/live-run.ts';
import type { BackendAdapters } from './backend-adapters.ts';
import { type Affinity, affinityOf, type BackendSpec } from './backend-spec.ts';
import type { BackendSpeed } from './backend-speed.ts';
import type { Endpoint } from './endpoint.ts';
import type { EndpointChoice } from './endpoint-choice.ts';
import type { EndpointPool } from './endpoint-pool.ts';
import type { ExpectedCaches } from './expected-caches.ts';

/**
 * An endpoint for a call, or one that it is held back for until a time, epoch ms; `load`: it waits until
 * its adapter is loaded somewhere.
 */
export type Placed =
  | { readonly type: 'load' }
  | { readonly type: 'grant'; readonly endpoint: Endpoint }
  | { readonly type: 'hold'; readonly endpoint: Endpoint; readonly until: number };

/**
 * What a prompt that is read again costs, in times of its prefill: the call waits for it, the calls
 * behind it wait for the slot as long, and what it displaces from the cache is read again as well.
 */
const COUNTED_LOSS = 4;
/** The longest time for which a call is held back, in times of the prefill that it would lose. */
const LONGEST_HOLD = 5;
/**
 * What a full endpoint counts for against an empty one, ms: its calls slow each other down, by no more
 * than the time that a call takes.
 */
const CROWDED_MS = 2_000;
/** The longest time for which a call waits for the endpoint that stored what it continues, ms. */
const STORED_HOLD_MS = 60_000;
/** Calls that are held back for one endpoint at most, so that looking at them stays cheap. */
const MAX_HELD = 64;

/** The expected time that an endpoint reads a call's prompt, ms. */
type ReadMs = (endpoint: Endpoint) => number;

/** The part of a backend by which calls are placed. */
export interface PlacementView {
  readonly spec: BackendSpec;
  readonly pool: Pick<EndpointPool, 'byId' | 'list'>;
  readonly choice: Pick<EndpointChoice, 'isKept' | 'pick'>;
  readonly queue: WaitingQueue;
  readonly speed: BackendSpeed;
  readonly adapters: BackendAdapters;
  readonly caches: ExpectedCaches;
}

export class CallPlacement {
  readonly #backend: PlacementView;
  readonly #responses = new StoredResponses();
  /** What the choice came to, for the operator. */
  readonly totals = new AffinityTotals();
  /** Calls that hold a slot, by endpoint. */
  readonly #running = new Map<string, Set<LiveCall>>();

  constructor(backend: PlacementView) {
    this.#backend = backend;
  }

  /** Without a choice between endpoints there is nothing to prefer. */
  get mode(): Affinity {
    return affinityOf(this.#backend.spec);
  }

  /**
   * The endpoint for a call that is taken out of the queue with a key; undefined where none takes it.
   * `mayHold`: it may be left in the queue for an endpoint that is full.
   */
  place(call: LiveCall, key: number, mayHold: boolean, now: number): Placed | undefined {
    const sequences = sequencesOf(call.request);
    const usual = this.#backend.choice.pick(now, call.avoid, call.request.keyId, sequences);
    if (!usual) return undefined;
    const there = this.#whereStored(call, mayHold, now);
    if (there) return there;
    const lackMs = this.#backend.adapters.lackOf(call, now);
    // A call that takes several slots goes where they are free.
    const isFree = (lackMs || (this.mode !== 'off' && call.request.prefix)) && sequences === 1;
    const isUsual = !isFree || usual.state !== 'warm' || call.avoid?.has(usual.spec.id);
    if (isUsual) return this.#granting(call, usual, now);
    const { caches } = this.#backend;
    const { inputTokens } = call.request;
    const promptMs = (e: Endpoint) => caches.readMs(e, inputTokens - caches.hit(call, e));
    const readMs = lackMs ? (e: Endpoint) => promptMs(e) + lackMs(e) : promptMs;
    const { endpoint, ms } = this.#soonest(call, usual, readMs, now);
    const waits = mayHold && this.mode === 'hold';
    const hold = waits && this.#worthWaiting(call, key, { readMs, elsewhereMs: ms }, now);
    return hold || this.#granting(call, endpoint, now);
  }

  /** The endpoint that stored the response which the call continues; undefined where it is not there. */
  #whereStored(call: LiveCall, mayHold: boolean, now: number): Placed | undefined {
    const { continues, keyId } = call.request;
    const endpoint = this.#backend.pool.byId.get(this.#responses.endpointOf(continues) ?? '');
    if (!endpoint || call.avoid?.has(endpoint.spec.id)) return undefined;
    const { id } = endpoint.spec;
    if (endpoint.isReady(now, keyId) && !this.#backend.choice.isKept(id)) {
      return this.#granting(call, endpoint, now);
    }
    if (!mayHold || !this.#canBeAwaited(endpoint, keyId, now)) return undefined;
    return { type: 'hold', endpoint, until: now + STORED_HOLD_MS };
  }

  /** The endpoint takes the call, unless its adapter has to be loaded first. */
  #granting(call: LiveCall, endpoint: Endpoint, now: number): Placed {
    const isServed = this.#backend.adapters.canServe(call, endpoint, now);
    return isServed ? { type: 'grant', endpoint } : { type: 'load' };
  }

  /** The longest time for which the call may yet be held back, ms. */
  longestHoldMs({ request, attempts, placed }: LiveCall, now: number): number {
    const { adapters, speed } = this.#backend;
    const needsAdapter = adapters.sourceOf(request.adapter) !== undefined;
    const isStored = this.#responses.endpointOf(request.continues) !== undefined;
    if (isStored && attempts === 0 && placed.heldUntil === Infinity) return STORED_HOLD_MS;
    const isHeld = this.mode === 'hold' && (request.prefix || needsAdapter);
    if (attempts > 0 || !(isHeld || isStored)) return 0;
    if (placed.heldUntil < Infinity) return Math.max(0, placed.heldUntil - now);
    const promptMs = request.prefix ? request.inputTokens * speed.value.inputMs : 0;
    return LONGEST_HOLD * (promptMs + (needsAdapter ? 2 * adapters.loadMs : 0));
  }

  /** A call gets a slot of an endpoint. */
  granted(call: LiveCall, endpoint: Endpoint): void {
    if (this.mode === 'off') return;
    const { id } = endpoint.spec;
    const running = this.#running.get(id);
    if (running) running.add(call);
    else this.#running.set(id, new Set([call]));
    const { caches } = this.#backend;
    const { prefix, inputTokens } = call.request;
    if (!prefix) return;
    caches.sent(call.run, endpoint, prefix);
    const { expected, heldMs } = call.placed;
    const hitTokens = expected?.hitTokens;
    if (hitTokens === undefined) return;
    this.totals.granted(inputTokens, hitTokens, caches.readMs(endpoint, hitTokens));
    // A call is held back before its first slot only.
    if (call.attempts === 0) this.totals.held(heldMs);
  }

  /** A call gives its slot back. */
  released(call: LiveCall): void {
    const id = call.lease?.endpoint ?? '';
    const running = this.#running.get(id);
    if (!running?.delete(call)) return;
    if (running.size === 0) this.#running.delete(id);
    if (call.request.prefix) this.#backend.caches.readAgain(id, call.request.prefix);
  }

  /** A call has ended: its engine may have told how much of the prompt was cached. */
  observe(result: CallResult, call: LiveCall): void {
    const { outcome, inputTokens, cachedTokens, responseId } = result;
    const isOneOfMany = this.#backend.pool.byId.size > 1;
    if (isOneOfMany && responseId !== undefined && call.lease) {
      this.#responses.stored(responseId, call.lease.endpoint);
    }
    const { hitTokens } = call.placed.expected ?? {};
    if (outcome !== 'ok' || cachedTokens === undefined || hitTokens === undefined) return;
    this.totals.reported(inputTokens ?? call.request.inputTokens, cachedTokens);
    this.#backend.caches.told(call.lease?.endpoint ?? '', hitTokens, cachedTokens);
  }

  /** The endpoint with a free slot that reads the prompt soonest; crowded ones count as later. */
  #soonest(call: LiveCall, usual: Endpoint, readMs: ReadMs, now: number) {
    let best = { endpoint: usual, ms: readMs(usual) };
    let bestMs = best.ms + this.#crowdedMs(usual);
    for (const endpoint of this.#backend.pool.list) {
      if (endpoint === usual || call.avoid?.has(endpoint.spec.id)) continue;
      if (!endpoint.isReady(now, call.request.keyId)) continue;
      if (this.#backend.choice.isKept(endpoint.spec.id)) continue;
      const ms = readMs(endpoint);
      const countedMs = ms + this.#crowdedMs(endpoint);
      if (countedMs < bestMs) [best, bestMs] = [{ endpoint, ms }, countedMs];
    }
    return best;
  }

  /** A full endpoint for which the call is to be held back; `elsewhereMs`: its prefill elsewhere. */
  #worthWaiting(
    call: LiveCall,
    key: number,
    { readMs, elsewhereMs }: { readMs: ReadMs; elsewhereMs: number },
    now: number,
  ): Placed | undefined {
    let hold: Endpoint | undefined;
    let holdMs = elsewhereMs;
    let lostMs = 0;
    for (const endpoint of this.#backend.pool.list) {
      if (call.avoid?.has(endpoint.spec.id)) continue;
      if (!this.#canBeAwaited(endpoint, call.request.keyId, now)) continue;
      const thereMs = readMs(endpoint);
      if (thereMs >= holdMs) continue;
      const ms = thereMs + this.#waitMs(endpoint, key, now) / COUNTED_LOSS;
      if (ms < holdMs) [hold, holdMs, lostMs] = [endpoint, ms, elsewhereMs - thereMs];
    }
    return hold && { type: 'hold', endpoint: hold, until: now + LONGEST_HOLD * lostMs };
  }

  /** True for an endpoint that is full and trusted; of those, the queue leaves calls where they are. */
  #canBeAwaited(endpoint: Endpoint, keyId: string | undefined, now: number): boolean {
    if (endpoint.state !== 'warm' || endpoint.isPaused) return false;
    if (endpoint.slots.isOpening || endpoint.slots.inFlight === 0) return false;
    if (endpoint.upSlots(now) === 0) {
      // It fails: when it is back, it may have been restarted.
      this.#backend.caches.forget(endpoint);
      return false;
    }
    if (endpoint.isReady(now) || !endpoint.trust.admits(keyId ?? '', now)) return false;
    return this.#backend.queue.heldFor(endpoint.spec.id) < MAX_HELD;
  }

  /** Expected wait for a slot of a full endpoint behind the calls with a lower key, ms. */
  #waitMs({ spec, slots }: Endpoint, key: number, now: number): number {
    const wanted = this.#backend.queue.heldBefore(spec.id, key) + 1;
    return freeingMs(restOf(this.#running.get(spec.id) ?? [], now), slots.inFlight, wanted);
  }

  #crowdedMs({ spec, slots }: Endpoint): number {
    if (!Number.isFinite(spec.slots)) return 0;
    const fullMs = Math.min(CROWDED_MS, this.#backend.speed.meanServiceMs);
    return ((slots.inFlight + this.#backend.queue.heldFor(spec.id)) / spec.slots) * fullMs;
  }
}

function restOf(running: Iterable<LiveCall>, now: number): readonly RunningCall[] {
  const rest: RunningCall[] = [];
  for (const { lease, placed } of running) {
    if (!lease || !placed.expected) continue;
    const { readMs, outputMs } = placed.expected;
    rest.push({ elapsedMs: Math.max(0, now - lease.grantedAt), readMs, outputMs });
  }
  return rest;
}

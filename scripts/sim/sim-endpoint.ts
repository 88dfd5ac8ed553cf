/**
 * The endpoint of a backend in a simulation, seen from the dispatcher: it serves calls and answers
 * wakes. `PlainEndpoint` is as configured; one whose platform behaves otherwise is in
 * platform-endpoint.ts.
 */
import type { DispatchEvent, Effect } from '../../src/core/dispatch/dispatch-events.ts';
import type { CallResult } from '../../src/core/runs/call-result.ts';
import type { CallRecord } from '../../src/core/runs/recorded-run.ts';
import { ColdState } from '../gpu/cold-state.ts';
import { PrefixCache } from '../gpu/prefix-cache.ts';
import { type PromptNames, promptOf } from '../gpu/prompt.ts';
import { prefillMs, serviceMs } from '../gpu/service-model.ts';
import type { Kind } from './event-heap.ts';
import type { SimBackend } from './sim-backend.ts';

/** Id of the one endpoint of a simulated backend; of several, each has a number behind it. */
export const ENDPOINT = 'endpoint';
/** Tokens of a block of a prefix cache whose cluster does not say. */
const BLOCK_TOKENS = 512;

/** The endpoints of a backend, in order. */
export function endpointsOf({ slots, endpointSlots = [slots], cache }: SimBackend) {
  const kvCache = cache && Number.isFinite(cache.tokens) ? { kvCacheTokens: cache.tokens } : {};
  return endpointSlots.map((n, i) => ({
    id: endpointSlots.length === 1 ? ENDPOINT : `${ENDPOINT}-${i + 1}`,
    slots: n ?? Infinity,
    ...kvCache,
  }));
}

/** The prefix cache of one of a backend's endpoints; `tokens`: of another size. */
export function cacheOf(
  { cache }: SimBackend,
  names: PromptNames,
  tokens = cache?.tokens ?? Infinity,
): PrefixCache {
  return new PrefixCache({ tokens, blockTokens: cache?.blockTokens ?? BLOCK_TOKENS }, names);
}

export type ReadOrder = Extract<Effect, { type: 'prefix-read' }>;
export type WakeOrder = Extract<Effect, { type: 'wake' }>;

/** A call of a run; a client that was refused sends the same one again. */
export interface SimCall {
  readonly backend: string;
  readonly record: CallRecord;
  /** When it was first submitted, ms. */
  readonly submittedMs: number;
  /** By endpoint, the time up to its submission in which that could not serve, ms. */
  readonly notWarmMs: Map<string, number>;
}

/** What an endpoint needs of the simulation. */
export interface EndpointWorld {
  now(): number;
  /** The dispatcher's clock, ms. */
  wallMs(): number;
  at(time: number, kind: Kind, act: () => void): void;
  tell(event: DispatchEvent): void;
  /**
   * The call's input is read at a time, ms; `hitTokens` of it were in the endpoint's cache. `firstMs`: how
   * long that took, if it is the first one since the endpoint started.
   */
  read(call: SimCall, atMs: number, hitTokens: number, firstMs: number | undefined): void;
  /**
   * An attempt has ended. `again`: without success, and another attempt is wanted. `isLast`: where
   * none is made, the client gets the endpoint's own error, after which it does not ask again.
   */
  ended(callId: string, result: CallResult, again: boolean, isLast?: boolean): void;
}

export interface SimEndpoint {
  /** Times that calls found it cold and no wake ahead of need on its way. */
  readonly coldStarts: number;
  /** Time that calls waited because it was not warm, ms. */
  readonly coldWaitMs: number;
  /** Wakes ahead of need. */
  readonly pings: number;
  /** A call joins the dispatcher's queue. */
  submitted(call: SimCall): void;
  /** A call is sent. */
  serve(callId: string, call: SimCall): void;
  wake(order: WakeOrder): void;
  /** Reads a prefix ahead of a call. */
  readAhead(order: ReadOrder, record: CallRecord): void;
  release(): void;
  /** Time that it has been loading or warm so far, ms. */
  warmMsUntil(at: number): number;
  /** The dispatcher's process died, and what it was waiting for with it. */
  restarted(): void;
}

/** The counts that the engine reports; of its cache only where the trace says what prompts share. */
export function tokensOf(
  record: CallRecord,
  hitTokens: number,
): Pick<CallResult, 'inputTokens' | 'outputTokens' | 'cachedTokens'> {
  if ('service_ms' in record) return {};
  const { input_tokens: inputTokens, output_tokens: outputTokens } = record;
  const cached = promptOf(record) ? { cachedTokens: hitTokens } : {};
  return { inputTokens, outputTokens, ...cached };
}

/** Which endpoint of which backend it is, and how the backend serves. */
export interface EndpointPlace {
  readonly backend: string;
  readonly id: string;
  readonly model: SimBackend;
  /** Shared by all caches of the simulation. */
  readonly names: PromptNames;
}

export class PlainEndpoint implements SimEndpoint {
  coldStarts = 0;
  coldWaitMs = 0;
  pings = 0;
  readonly #place: EndpointPlace;
  readonly #cold: ColdState;
  readonly #cache: PrefixCache;
  readonly #world: EndpointWorld;
  /** It was started and has had no call since. */
  #isNew = false;

  constructor(place: EndpointPlace, world: EndpointWorld) {
    this.#place = place;
    this.#cold = coldStateOf(place.model);
    this.#cache = cacheOf(place.model, place.names);
    this.#world = world;
  }

  submitted(): void {
    // Calls are sent to a cold endpoint at once, so their waits begin when they are sent.
  }

  serve(callId: string, call: SimCall): void {
    const now = this.#world.now();
    const wasCold = this.#cold.stateAt(now) === 'cold';
    const beginsAt = this.#cold.touch(now);
    // In this order of additions, so that sums are the same to the last bit as they ever were.
    this.coldWaitMs = this.coldWaitMs + beginsAt - now;
    if (wasCold) {
      this.coldStarts += 1;
      this.#started();
      this.#tellWarm(beginsAt);
    }
    const { record } = call;
    const { model } = this.#place;
    const hitTokens = this.#cache.hitTokens(record);
    this.#cache.touch(record);
    const readMs = prefillMs(record, model, hitTokens);
    this.#world.read(call, beginsAt + readMs, hitTokens, this.#isNew ? readMs : undefined);
    this.#isNew = false;
    this.#cold.serviceStarted(beginsAt);
    const tookMs = serviceMs(record, model, hitTokens);
    this.#world.at(beginsAt + tookMs, 'end', () => {
      this.#cold.serviceEnded(this.#world.now());
      this.#cache.touch(record);
      const result = { outcome: 'ok', endpointFault: false, cold: false } as const;
      const served = { ...result, serviceMs: tookMs, ...tokensOf(record, hitTokens) };
      this.#world.ended(callId, served, false);
    });
  }

  wake(): void {
    const now = this.#world.now();
    this.#world.at(now, 'ping', () => {
      this.pings += 1;
      if (this.#cold.stateAt(this.#world.now()) === 'cold') this.#started();
      this.#tellWarm(this.#cold.touch(this.#world.now()));
    });
  }

  readAhead({ readAt }: ReadOrder, record: CallRecord): void {
    const { model, backend, id: endpoint } = this.#place;
    const now = this.#world.now();
    const beginsAt = this.#cold.touch(now);
    const tookMs = serviceMs(record, model, this.#cache.hitTokens(record));
    this.#cache.touch(record);
    this.#cold.serviceStarted(beginsAt);
    this.#world.at(beginsAt + tookMs, 'end', () => {
      this.#cold.serviceEnded(this.#world.now());
      const event = { type: 'prefix-answered', backend, endpoint, readAt } as const;
      this.#world.tell({ ...event, ok: true, tookMs: beginsAt + tookMs - now });
    });
  }

  #started(): void {
    this.#cache.clear();
    this.#isNew = true;
  }

  release(): void {
    this.#cold.release(this.#world.now());
  }

  warmMsUntil(at: number): number {
    return this.#cold.warmMsUntil(at);
  }

  restarted(): void {
    // Nothing is on its way: a wake is answered by an event that the simulation keeps.
  }

  #tellWarm(at: number): void {
    const { backend, id: endpoint } = this.#place;
    const event = { type: 'wake-answered', backend, endpoint } as const;
    this.#world.at(at, 'ping', () => this.#world.tell({ ...event, ok: true }));
  }
}

function coldStateOf({ coldStartMs, idleTimeoutMs }: SimBackend): ColdState {
  if (coldStartMs === undefined) return new ColdState(undefined);
  return new ColdState({ coldStartMs, idleTimeoutMs: idleTimeoutMs ?? Infinity });
}

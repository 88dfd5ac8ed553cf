/**
 * Which endpoint of a backend a call takes, or waits for: the one where its prompt is read soonest,
 * because its beginning is in the cache there. A call may be held back for a busy endpoint while the
 * wait expected there is shorter than the prefill that it would lose elsewhere. Calls without a
 * prefix, retries, and endpoints that are cold or start slowly are placed as backend.ts does.
 */
import { EndpointMemory } from '../affinity/endpoint-memory.ts';
import { freeingMs, type RunningCall } from '../affinity/freeing-times.ts';
import type { LiveCall } from '../runs/live-run.ts';
import type { WaitingQueue } from '../order/waiting-queue.ts';
import type { BackendSpec } from './backend-spec.ts';
import type { BackendSpeed } from './backend-speed.ts';
import type { Endpoint } from './endpoint.ts';

/** An endpoint for a call, or one that it is held back for until a time, epoch ms. */
export type Placed =
  | { readonly type: 'grant'; readonly endpoint: Endpoint }
  | { readonly type: 'hold'; readonly endpoint: Endpoint; readonly until: number };

const P = (globalThis as { __P?: Record<string, number> }).__P ?? {};

/** The part of a backend by which calls are placed. */
export interface PlacementView {
  readonly spec: BackendSpec;
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  readonly queue: WaitingQueue;
  readonly speed: BackendSpeed;
  pick(now: number, avoid?: ReadonlySet<string>, key?: string): Endpoint | undefined;
}

export class CallPlacement {
  readonly #backend: PlacementView;
  readonly #memories = new Map<string, EndpointMemory>();

  constructor(backend: PlacementView) {
    this.#backend = backend;
  }

  /** Calls that are held back for at most so many calls before them. */
  get mode(): 'hold' | 'prefer' | 'off' {
    const { spec } = this.#backend;
    if (spec.endpoints.length < 2) return 'off';
    return spec.affinity ?? 'hold';
  }

  /** The endpoint for a call that is taken out of the queue with a key; undefined where none is. */
  place(call: LiveCall, key: number, mayHold: boolean, now: number): Placed | undefined {
    const keyId = call.request.keyId ?? '';
    const usual = this.#backend.pick(now, call.avoid, keyId);
    if (!usual) return undefined;
    const { prefix } = call.request;
    if (this.mode === 'off' || !prefix || usual.state !== 'warm') {
      return { type: 'grant', endpoint: usual };
    }
    if (call.avoid?.has(usual.spec.id)) return { type: 'grant', endpoint: usual };
    let best = usual;
    let bestMs = Infinity;
    let bestReadMs = 0;
    const busy: Endpoint[] = [];
    for (const endpoint of this.#backend.endpoints.values()) {
      if (endpoint.state !== 'warm' || call.avoid?.has(endpoint.spec.id)) continue;
      if (endpoint.isReady(now, keyId)) {
        const readMs = this.readMs(call, endpoint);
        const ms = readMs + this.#crowdMs(endpoint);
        if (ms < bestMs) [best, bestMs, bestReadMs] = [endpoint, ms, readMs];
      } else busy.push(endpoint);
    }
    if (this.mode === 'hold' && mayHold) {
      let hold: Endpoint | undefined;
      let holdMs = bestReadMs;
      let until = 0;
      for (const endpoint of busy) {
        if (endpoint.isOpening || endpoint.inFlight === 0) continue;
        if (!endpoint.trust.admits(keyId, now)) continue;
        const readMs = this.readMs(call, endpoint);
        if (readMs >= holdMs) continue;
        const ahead = this.#backend.queue.heldFor(endpoint.spec.id, key);
        const waitMs = this.#freeingMs(endpoint, ahead + 1, now);
        const behind = this.#backend.queue.size - this.#backend.queue.held;
        const beta = Math.min(P["bmax"] ?? 40, (P['beta'] ?? 1) + ((P['b1'] ?? 0) * behind) / 32);
        if (waitMs > beta * (bestReadMs - readMs)) continue;
        if (readMs + waitMs / beta < holdMs) {
          [hold, holdMs, until] = [endpoint, readMs + waitMs / beta, now + (P['gamma'] ?? 1) * (bestReadMs - readMs)];
        }
      }
      if (hold) return { type: 'hold', endpoint: hold, until };
    }
    return { type: 'grant', endpoint: best };
  }

  /** Expected time that an endpoint reads the call's prompt, ms. */
  readMs(call: LiveCall, endpoint: Endpoint): number {
    const { inputTokens, prefix } = call.request;
    const hit = prefix ? this.memory(endpoint).hitTokens(prefix) : 0;
    const { inputMs } = this.#backend.speed.at(endpoint.spec.id, endpoint.spec.slots);
    return Math.max(0, inputTokens - hit) * inputMs;
  }

  /** Tokens of the call's prompt that no endpoint has. */
  uncachedTokens(call: LiveCall): number | undefined {
    const { inputTokens, prefix } = call.request;
    if (this.mode === 'off' || !prefix) return undefined;
    let hit = 0;
    for (const endpoint of this.#backend.endpoints.values()) {
      if (endpoint.state === 'warm') hit = Math.max(hit, this.memory(endpoint).hitTokens(prefix));
    }
    return Math.max(0, inputTokens - hit);
  }

  hitTokens(call: LiveCall, endpoint: Endpoint): number {
    const { prefix } = call.request;
    return prefix ? this.memory(endpoint).hitTokens(prefix) : 0;
  }

  /** A call gets a slot of an endpoint. */
  granted(call: LiveCall, endpoint: Endpoint): void {
    if (this.mode === 'off') return;
    const memory = this.memory(endpoint);
    memory.running.add(call);
    if (call.request.prefix) memory.use(call.request.prefix);
  }

  released(call: LiveCall, endpoint: Endpoint | undefined): void {
    if (this.mode === 'off' || !endpoint) return;
    const memory = this.memory(endpoint);
    memory.running.delete(call);
    if (call.request.prefix) memory.use(call.request.prefix);
  }

  memory(endpoint: Endpoint): EndpointMemory {
    const { id } = endpoint.spec;
    let memory = this.#memories.get(id);
    if (!memory) {
      memory = new EndpointMemory();
      this.#memories.set(id, memory);
    }
    memory.upSince(endpoint.warmSince, endpoint.spec.kvCacheTokens);
    return memory;
  }

  /** A crowded endpoint is left to those that have their prefix there, ms. */
  #crowdMs(endpoint: Endpoint): number {
    const { slots } = endpoint.spec;
    if (!Number.isFinite(slots)) return 0;
    const held = this.#backend.queue.heldFor(endpoint.spec.id);
    return ((endpoint.inFlight + held * (P['heldw'] ?? 1)) / slots) * (P['crowd'] ?? 2000);
  }

  #freeingMs(endpoint: Endpoint, wanted: number, now: number): number {
    const { running } = this.memory(endpoint);
    if (P['swait']) return (this.#backend.speed.meanServiceMs / endpoint.spec.slots) * wanted;
    return freeingMs(restOf(running, now), endpoint.inFlight, wanted);
  }
}

function* restOf(running: Iterable<LiveCall>, now: number): Iterable<RunningCall> {
  for (const { lease, expected } of running) {
    if (!lease || !expected) continue;
    const { readMs, outputMs } = expected;
    yield { elapsedMs: now - lease.grantedAt, readMs, outputMs };
  }
}

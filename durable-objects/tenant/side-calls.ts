/**
 * Requests that need no slot, such as token counts: which endpoint takes one, and how many run at a
 * time, of each API key and at each endpoint. They never wake an endpoint and change nothing for
 * calls; what an endpoint answers them concerns only further ones. In memory only.
 */
import type { Backend } from '../../src/core/backends/backend.ts';
import type { Endpoint } from '../../src/core/backends/endpoint.ts';
import type { PlainRefusal, SideCallEnd } from '../../src/protocol/key-requests.ts';

/** Pause after an answer of "overloaded" without a time, and the longest that is obeyed, ms. */
const PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
/** Least and longest time after which to ask again while an endpoint is not warm, ms. */
const LEAST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;

export interface SideCallBounds {
  readonly ofKey: number;
  readonly atEndpoint: number;
}

/** A place that is held. */
interface Held {
  readonly keyId: string;
  readonly place: string;
  /** When it is given up even if nobody says so, epoch ms. */
  readonly until: number;
}

export class SideCalls {
  readonly #held = new Set<Held>();
  /** When the first place expires, epoch ms; no later than that. */
  #expiresAt = Infinity;
  readonly #ofKey = new Map<string, number>();
  readonly #atPlace = new Map<string, number>();
  /** Until when an endpoint turns an API key away, by endpoint and key, epoch ms. */
  readonly #pauses = new Map<string, Map<string, number>>();

  /** Number of running requests by the id of the API key; keys without any are absent. */
  counts(): ReadonlyArray<readonly [keyId: string, running: number]> {
    return [...this.#ofKey];
  }

  /** The endpoint for a request of the key, or why there is none now. */
  choose(
    keyId: string,
    backend: Backend,
    bounds: SideCallBounds,
    now: number,
  ): { readonly endpoint: Endpoint } | PlainRefusal {
    this.#expire(now);
    const running = this.#ofKey.get(keyId) ?? 0;
    if (running >= bounds.ofKey) {
      const detail = `${running} requests without a slot of this key run already, the most that may.`;
      return refused('rate_limit_exceeded', LEAST_RETRY_MS, detail);
    }
    const endpoints = [...backend.endpoints.values()];
    const warm = endpoints.filter((e) => e.state === 'warm' && e.upSlots(now) > 0);
    if (warm.length === 0) return notUp(backend, endpoints, now);
    const open = warm.filter((e) => this.#pausedUntil(placeOf(backend, e), keyId, now) <= now);
    if (open.length === 0) {
      const until = warm.map((e) => this.#pausedUntil(placeOf(backend, e), keyId, now));
      return refused('upstream_busy', Math.min(...until) - now);
    }
    const load = (e: Endpoint) => this.#atPlace.get(placeOf(backend, e)) ?? 0;
    // An endpoint that never goes cold is kept up by nobody.
    const cost = (e: Endpoint) => load(e) + (e.spec.coldStart ? bounds.atEndpoint : 0);
    const endpoint = open
      .filter((e) => load(e) < bounds.atEndpoint)
      .reduce<Endpoint | undefined>((a, b) => (a && cost(a) <= cost(b) ? a : b), undefined);
    if (endpoint) return { endpoint };
    const detail = `${bounds.atEndpoint} requests without a slot run at each endpoint of "${backend.name}", the most that may.`;
    return refused('queue_full', LEAST_RETRY_MS, detail);
  }

  /** Takes a place, for `longestMs` at most; what it returns gives the place up, once. */
  begin(
    keyId: string,
    backend: Backend,
    endpoint: Endpoint,
    longestMs: number,
    now: number,
  ): (end: SideCallEnd | undefined, now: number) => boolean {
    const place = placeOf(backend, endpoint);
    const held = { keyId, place, until: now + longestMs };
    this.#held.add(held);
    this.#expiresAt = Math.min(this.#expiresAt, held.until);
    add(this.#ofKey, keyId, 1);
    add(this.#atPlace, place, 1);
    return (end, endedAt) => {
      if (!this.#release(held)) return false;
      if (end?.turnedAway) this.#pause(held, end.retryAfterMs ?? PAUSE_MS, endedAt);
      return true;
    };
  }

  #release(held: Held): boolean {
    if (!this.#held.delete(held)) return false;
    add(this.#ofKey, held.keyId, -1);
    add(this.#atPlace, held.place, -1);
    return true;
  }

  /** Gives up places whose holder has not said anything for too long. */
  #expire(now: number): void {
    if (now < this.#expiresAt) return;
    this.#expiresAt = Infinity;
    for (const held of this.#held) {
      if (held.until <= now) this.#release(held);
      else this.#expiresAt = Math.min(this.#expiresAt, held.until);
    }
  }

  #pause({ keyId, place }: Held, ms: number, now: number): void {
    const pauses = this.#pauses.get(place) ?? new Map<string, number>();
    pauses.set(keyId, now + Math.min(ms, LONGEST_PAUSE_MS));
    this.#pauses.set(place, pauses);
  }

  /**
   * Until when the endpoint takes no request of the key, epoch ms. What one key is told concerns that
   * key; where two are told, it concerns all.
   */
  #pausedUntil(place: string, keyId: string, now: number): number {
    const pauses = this.#pauses.get(place);
    if (!pauses) return 0;
    for (const [key, until] of pauses) if (until <= now) pauses.delete(key);
    if (pauses.size === 0) this.#pauses.delete(place);
    const [, second = 0] = [...pauses.values()].sort((a, b) => b - a);
    return Math.max(pauses.get(keyId) ?? 0, second);
  }
}

/** No endpoint is warm and trusted: those that are coming are waited for, the others are left. */
function notUp(backend: Backend, endpoints: readonly Endpoint[], now: number): PlainRefusal {
  if (endpoints.some((e) => e.state === 'warm')) return refused('upstream_busy', LEAST_RETRY_MS);
  const readyAt = Math.min(...endpoints.map((e) => e.readyAt));
  const waitMs = Number.isFinite(readyAt) ? readyAt - now : backend.pool.coldStartMs;
  const detail = `No endpoint of "${backend.name}" is warm, and a request without a slot wakes none.`;
  const retryMs = Math.min(LONGEST_RETRY_MS, Math.max(LEAST_RETRY_MS, waitMs));
  return refused('backend_warming', retryMs, detail);
}

function refused(code: PlainRefusal['code'], retryAfterMs: number, detail?: string): PlainRefusal {
  return { status: 'refused', code, retryAfterMs, ...(detail === undefined ? {} : { detail }) };
}

function placeOf(backend: Backend, endpoint: Endpoint): string {
  return `${backend.name}\n${endpoint.spec.id}`;
}

function add(counts: Map<string, number>, key: string, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}

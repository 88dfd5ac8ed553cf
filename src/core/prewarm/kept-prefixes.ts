/**
 * Of which prompts' beginnings the text is kept, and of which it is to be, so that endpoints can read them
 * ahead. A text is asked for with the grant of a call that has it, once in a while; the Worker may find
 * it too long. Which one is read is decided in prefix-choice.ts.
 */
import type { Backend } from '../backends/backend.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import type { LiveCall } from '../runs/live-run.ts';
import type { KeptPrefix } from '../runs/prefix.ts';
import { RecentMap } from '../runs/recent-map.ts';
import { mayPay } from './prefix-choice.ts';

/** A text is asked for again after this time, ms: the Worker may have found it too long. */
const ASK_AGAIN_MS = 600_000;
const MAX_ASKED = 64;

export class KeptPrefixes {
  #kept = new Map<string, KeptPrefix>();
  /** When a text was last asked for, by backend and link, epoch ms. */
  readonly #askedAt = new RecentMap<number>(MAX_ASKED);

  get size(): number {
    return this.#kept.size;
  }

  get all(): Iterable<KeptPrefix> {
    return this.#kept.values();
  }

  /** These are kept now, and no others. */
  replace(prefixes: readonly KeptPrefix[]): void {
    this.#kept = new Map(prefixes.map((kept) => [keyOfKept(kept), kept]));
  }

  /** The link of a call whose text is worth keeping and is not kept. */
  wanted(
    backend: Backend,
    endpoint: Endpoint,
    { request, run, visit }: LiveCall,
    now: number,
  ): string | undefined {
    const link = request.prefix && backend.prefixes.bestOf(run.app, visit.unit, request.prefix);
    if (!link) return undefined;
    const prefillMs = backend.caches.readMs(endpoint, link.tokens);
    if (!mayPay(backend.spec.prewarm.theta, prefillMs)) return undefined;
    const key = keyOf(backend.name, link.id);
    if (this.#kept.has(key)) return undefined;
    // After a clock that went back, at once.
    const sinceMs = now - (this.#askedAt.get(key) ?? -Infinity);
    if (sinceMs >= 0 && sinceMs < ASK_AGAIN_MS) return undefined;
    this.#askedAt.set(key, now);
    return link.id;
  }
}

function keyOf(backend: string, link: string): string {
  return JSON.stringify([backend, link]);
}

function keyOfKept({ backend, chain }: KeptPrefix): string {
  return keyOf(backend, chain.at(-1)?.id ?? '');
}

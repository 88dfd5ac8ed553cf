/**
 * What the prefix caches of a backend's endpoints are expected to hold, by the prompts that were sent
 * there, and so how long each reads a call's prompt. It is forgotten when an endpoint starts anew, and
 * corrected by what engines report. Which endpoint takes a call is decided in call-placement.ts.
 */
import { EndpointMemory } from '../affinity/endpoint-memory.ts';
import { PrefixOwners } from '../affinity/prefix-owners.ts';
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import type { PrefixLink } from '../runs/prefix.ts';
import { affinityOf, type BackendSpec } from './backend-spec.ts';
import type { BackendSpeed } from './backend-speed.ts';
import type { Endpoint } from './endpoint.ts';
import type { EndpointPool } from './endpoint-pool.ts';

interface Asked {
  readonly prefix: readonly PrefixLink[];
  readonly version: number;
  readonly numbers: number;
  readonly hits: readonly number[];
}

/** The part of a backend whose caches are followed. */
export interface CachesView {
  readonly spec: BackendSpec;
  readonly pool: Pick<EndpointPool, 'byId' | 'list'>;
  readonly speed: BackendSpeed;
}

export class ExpectedCaches {
  readonly #backend: CachesView;
  readonly #owners = new PrefixOwners();
  readonly #memories = new Map<string, EndpointMemory>();
  /** Numbers of endpoints that were given so far; those of endpoints that are gone come again. */
  #numbers = 0;
  readonly #freeNumbers: number[] = [];
  /** What the index was asked last. */
  #asked: Asked = { prefix: [], version: -1, numbers: 0, hits: [] };
  /** The endpoint that served a run's last call with a prefix. */
  readonly #homes = new WeakMap<LiveRun, string>();

  constructor(backend: CachesView) {
    this.#backend = backend;
  }

  /** Without a choice between endpoints no cache is followed. */
  get isOff(): boolean {
    return affinityOf(this.#backend.spec) === 'off';
  }

  /** Tokens of the call's prompt that an endpoint is expected to have. */
  hit({ request: { prefix, inputTokens } }: LiveCall, endpoint: Endpoint): number {
    return this.isOff || !prefix ? 0 : this.#hit(prefix, inputTokens, endpoint);
  }

  /** Tokens of the call's prompt that the endpoint is expected to have; undefined: not known. */
  hitTokens(call: LiveCall, endpoint: Endpoint): number | undefined {
    const { prefix, inputTokens } = call.request;
    if (this.isOff || !prefix) return undefined;
    return Math.round(this.#hit(prefix, inputTokens, endpoint));
  }

  /** Expected time that an endpoint reads so many tokens, ms. */
  readMs({ spec }: Endpoint, tokens: number): number {
    return tokens * this.#backend.speed.at(spec.id, spec.slots).inputMs;
  }

  /** Tokens of the call's prompt that no endpoint has; undefined where that is not known. */
  uncachedTokens(call: LiveCall): number | undefined {
    const { prefix, inputTokens } = call.request;
    if (this.isOff || !prefix) return undefined;
    let most = 0;
    for (const endpoint of this.#backend.pool.list) {
      most = Math.max(most, this.#hit(prefix, inputTokens, endpoint));
    }
    return inputTokens - most;
  }

  /** A prompt of the run is sent to the endpoint, which reads it. */
  sent(run: LiveRun, endpoint: Endpoint, prefix: readonly PrefixLink[]): void {
    this.#memory(endpoint).use(prefix);
    this.#homes.set(run, endpoint.spec.id);
  }

  /** The endpoint has had the prompt in use until now. */
  readAgain(endpoint: string, prefix: readonly PrefixLink[]): void {
    this.#memories.get(endpoint)?.use(prefix);
  }

  /** Its engine has told how much of a prompt was cached; `hitTokens`: how much was expected. */
  told(endpoint: string, hitTokens: number, cachedTokens: number): void {
    this.#memories.get(endpoint)?.told(hitTokens, cachedTokens);
  }

  /** It may have been restarted. */
  forget(endpoint: Endpoint): void {
    this.#memory(endpoint).forget();
  }

  /** The endpoint where a run's prompt was last; undefined where that is not known. */
  homeOf(run: LiveRun): string | undefined {
    return this.#homes.get(run);
  }

  /** An endpoint has read a prefix ahead of a call. */
  wasRead(endpoint: Endpoint, chain: readonly PrefixLink[]): void {
    if (!this.isOff) this.#memory(endpoint).use(chain);
  }

  /** True where an endpoint with a free slot is expected to have a prefix. */
  hasReady(chain: readonly PrefixLink[], now: number): boolean {
    if (this.isOff) return false;
    const tokens = chain.at(-1)?.tokens ?? 0;
    for (const endpoint of this.#backend.pool.byId.values()) {
      if (!endpoint.isReady(now)) continue;
      const { number } = this.#memory(endpoint);
      if ((this.#held(chain)[number] ?? 0) >= tokens) return true;
    }
    return false;
  }

  /** Forgets endpoints that are not configured any more. */
  configured(): void {
    for (const [id, memory] of this.#memories) {
      if (this.#backend.pool.byId.has(id)) continue;
      memory.forget();
      this.#memories.delete(id);
      this.#freeNumbers.push(memory.number);
    }
  }

  /** Of a prompt of so many tokens, those that an endpoint is expected to have. */
  #hit(prefix: readonly PrefixLink[], inputTokens: number, endpoint: Endpoint): number {
    // Before the index is asked: what the endpoint held before it started anew is forgotten.
    const memory = this.#memory(endpoint);
    if (endpoint.state !== 'warm') return 0;
    const hit = this.#held(prefix)[memory.number] ?? 0;
    return memory.believed(Math.min(inputTokens, hit));
  }

  /** The same of each endpoint by the index alone, by its number; asked again while nothing changes there. */
  #held(prefix: readonly PrefixLink[]): readonly number[] {
    const { version } = this.#owners;
    const { prefix: asked, version: askedAt, numbers, hits } = this.#asked;
    if (asked === prefix && askedAt === version && numbers === this.#numbers) return hits;
    const found = this.#owners.hits(prefix, this.#numbers);
    this.#asked = { prefix, version, numbers: this.#numbers, hits: found };
    return found;
  }

  #memory({ spec, warmSince }: Endpoint): EndpointMemory {
    let memory = this.#memories.get(spec.id);
    if (!memory) {
      let number = this.#freeNumbers.pop();
      if (number === undefined) {
        number = this.#numbers;
        this.#numbers += 1;
      }
      memory = new EndpointMemory(this.#owners, number);
      this.#memories.set(spec.id, memory);
    }
    memory.upSince(warmSince, spec.address);
    memory.holds(spec.kvCacheTokens);
    return memory;
  }
}

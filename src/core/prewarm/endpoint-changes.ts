/**
 * What follows where an endpoint turns out to be up or cold: by the answer of its wake, by a platform that
 * says so, by a request that found it cold, or by time alone. Its wake is settled; one that has come up is
 * checked before it goes cold, and may read a prefix. What calls show is in backends/endpoint-evidence.ts.
 */
import type { Backend } from '../backends/backend.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import type { EndpointState } from '../backends/endpoint-state.ts';
import { nextCheckAt } from '../backends/holding-times.ts';
import type { CheckSchedule } from './check-schedule.ts';
import type { PrefixReads } from './prefix-reads.ts';
import type { PrewarmEffects, PrewarmEvent } from './prewarm-events.ts';
import type { Wakes } from './wakes.ts';

/** What a change of an endpoint's state concerns. */
export interface ChangedByState {
  readonly wakes: Wakes;
  readonly reads: PrefixReads;
  readonly schedule: CheckSchedule;
}

export class EndpointChanges {
  readonly #backends: ReadonlyMap<string, Backend>;
  readonly #wakes: Wakes;
  readonly #reads: PrefixReads;
  readonly #schedule: CheckSchedule;

  constructor(backends: ReadonlyMap<string, Backend>, { wakes, reads, schedule }: ChangedByState) {
    this.#backends = backends;
    this.#wakes = wakes;
    this.#reads = reads;
    this.#schedule = schedule;
  }

  /** Applies what changes by time alone. */
  elapse(now: number, effects: PrewarmEffects): void {
    for (const backend of this.#backends.values()) {
      for (const endpoint of backend.pool.list) {
        const before = endpoint.state;
        endpoint.elapse(now);
        if (endpoint.state !== before) this.#changed(backend, endpoint, before, now, effects);
      }
    }
  }

  wakeAnswered(
    event: Extract<PrewarmEvent, { type: 'wake-answered' }>,
    backend: Backend,
    endpoint: Endpoint,
    now: number,
    effects: PrewarmEffects,
  ): void {
    const isLast = endpoint.wakes.isLast(event.wakeAt);
    if (event.ok) {
      const wasWarm = endpoint.state === 'warm';
      if (isLast) endpoint.wakes.answered(now, event);
      else endpoint.wakes.earlierAnswered(now);
      return this.#isUp(backend, endpoint, wasWarm, now, effects);
    }
    // An earlier wake that failed says nothing of the last one. A call that was served since the
    // wake began proves that the endpoint is up.
    if (!isLast) return;
    if (endpoint.evidence.hasServedSince(now - (event.tookMs ?? 0))) return;
    endpoint.wakes.failed(now, event.reason, event);
    this.#wakes.settle(backend.name, endpoint, 'failed', now, effects);
  }

  /** A wake has shown that the endpoint is up. */
  #isUp(
    backend: Backend,
    endpoint: Endpoint,
    wasWarm: boolean,
    now: number,
    effects: PrewarmEffects,
  ): void {
    this.#wakes.accounts.answered(backend.name, endpoint, now);
    // Without a run in flight nothing else would have it checked before it goes cold.
    if (backend.spec.prewarm.mode !== 'off') this.#schedule.by(nextCheckAt(endpoint, now));
    if (backend.adapters.isUsed) this.#schedule.soon(now);
    if (!wasWarm && this.#reads.woke(backend, endpoint, now, effects)) this.#schedule.by(now);
    // Calls from before the wake keep the endpoint up from here on, as long as they run. The wake
    // spared them no wait, so the whole cold start counts as waited for.
    if (endpoint.slots.inFlight > 0) {
      this.#wakes.settle(backend.name, endpoint, 'used', now, effects, endpoint.coldStartMs);
    }
  }

  /** Its platform, or whoever told it to, says that it is cold. */
  wentCold(backend: Backend, endpoint: Endpoint, now: number, effects: PrewarmEffects): void {
    const before = endpoint.state;
    endpoint.becameCold(now);
    this.#changed(backend, endpoint, before, now, effects);
  }

  /**
   * A request without a slot, sent at `sentAt` for an API key, found the endpoint cold, and so has
   * started it. That is a wake like others: it is waited for and accounted for.
   */
  foundCold(
    backend: Backend,
    endpoint: Endpoint,
    sentAt: number,
    key: string,
    now: number,
    effects: PrewarmEffects,
  ): void {
    const before = endpoint.state;
    if (!endpoint.evidence.answeredCold(sentAt, now, key) || endpoint.state !== 'cold') return;
    this.#changed(backend, endpoint, before, now, effects);
    if (endpoint.isPaused) return;
    this.#wakes.wakeOnDemand(backend, endpoint, 'a request without a slot', now, effects);
  }

  /**
   * Settles the wake of an endpoint that went cold: a wake that no call had used is wasted if the
   * endpoint had been warm, and failed otherwise.
   */
  #changed(
    { name }: Backend,
    endpoint: Endpoint,
    before: EndpointState,
    now: number,
    effects: PrewarmEffects,
  ): void {
    if (endpoint.state !== 'cold') return;
    this.#wakes.settle(name, endpoint, before === 'warm' ? 'wasted' : 'failed', now, effects);
  }
}

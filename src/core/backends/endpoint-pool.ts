/**
 * The endpoints of one backend: the configured ones, those that drain, and what they are together.
 * Which of them a call takes is decided in endpoint-choice.ts.
 */
import { Endpoint } from './endpoint.ts';
import type { EndpointSpec } from './endpoint-state.ts';

export class EndpointPool {
  readonly byId = new Map<string, Endpoint>();
  /** The same as an array: each call asks all of them several times. */
  #list: readonly Endpoint[] = [];

  /** All endpoints, draining ones included. */
  get list(): readonly Endpoint[] {
    return this.#list;
  }

  /** Applies a configuration: removed endpoints drain, new ones that can go cold begin cold. */
  configure(specs: readonly EndpointSpec[], now: number): void {
    const named = new Map(specs.map((e) => [e.id, e]));
    for (const [id, endpoint] of this.byId) if (!named.has(id)) this.#drain(id, endpoint);
    for (const [id, spec] of named) {
      const existing = this.byId.get(id);
      if (!existing) {
        this.byId.set(id, new Endpoint(spec, now));
        continue;
      }
      existing.spec = spec;
      if (existing.state === 'draining' || !spec.coldStart) {
        existing.state = 'warm';
        existing.timeline.entered('warm', existing.slots.inFlight > 0, now);
      }
    }
    this.#listed();
  }

  /** None of them is configured any more. */
  drain(): void {
    for (const [id, endpoint] of this.byId) this.#drain(id, endpoint);
    this.#listed();
  }

  #drain(id: string, endpoint: Endpoint): void {
    endpoint.state = 'draining';
    if (endpoint.slots.inFlight === 0) this.byId.delete(id);
  }

  #listed(): void {
    this.#list = [...this.byId.values()];
  }

  /** Adds an endpoint that is not configured but has calls from before a restart. */
  addDraining(id: string, now: number): Endpoint {
    const endpoint = new Endpoint({ id, slots: 0 }, now);
    endpoint.state = 'draining';
    this.byId.set(id, endpoint);
    this.#listed();
    return endpoint;
  }

  /** Forgets an endpoint that drains once its last call has ended. */
  forgetIfDrained(id: string): void {
    const endpoint = this.byId.get(id);
    if (endpoint?.state !== 'draining' || endpoint.slots.inFlight > 0) return;
    this.byId.delete(id);
    this.#listed();
  }

  /** Calls in flight at all endpoints, draining ones included. */
  get running(): number {
    let running = 0;
    for (const { slots } of this.#list) running += slots.inFlight;
    return running;
  }

  /** Slots in use at all endpoints, draining ones included. */
  get slotsInUse(): number {
    let inUse = 0;
    for (const { slots } of this.#list) inUse += slots.concurrency;
    return inUse;
  }

  /** Slots of all endpoints that are not draining; Infinity for no limit. */
  get slots(): number {
    let slots = 0;
    for (const { state, spec } of this.#list) if (state !== 'draining') slots += spec.slots;
    return slots;
  }

  /** The same of the endpoints that are not paused. */
  get takingSlots(): number {
    let slots = 0;
    for (const { takesCalls, spec } of this.#list) if (takesCalls) slots += spec.slots;
    return slots;
  }

  /** Usable slots of the endpoints that are warm or warming, except those in `without`. */
  upSlots(now: number, without?: ReadonlySet<Endpoint>): number {
    let slots = 0;
    for (const endpoint of this.#list) {
      if (!without?.has(endpoint)) slots += endpoint.upSlots(now);
    }
    return slots;
  }

  /** True where every endpoint was paused by hand. */
  get isPaused(): boolean {
    let isPaused = false;
    for (const endpoint of this.#list) {
      if (endpoint.state === 'draining') continue;
      if (!endpoint.isPaused) return false;
      isPaused = true;
    }
    return isPaused;
  }

  /** True where some endpoint is warm and not paused, whether or not it has a free slot. */
  get isWarm(): boolean {
    return this.#has('warm');
  }

  /** True where some endpoint is cold and not paused. */
  get hasCold(): boolean {
    return this.#has('cold');
  }

  /** True where no endpoint is warm, but one could become so. */
  get isComing(): boolean {
    return !this.isWarm && !this.isPaused;
  }

  #has(wanted: Endpoint['state']): boolean {
    for (const { state, isPaused } of this.#list) {
      if (state === wanted && !isPaused) return true;
    }
    return false;
  }

  /** When service of a call that was sent at `sentAt` began or is expected to begin, epoch ms. */
  servingFrom(sentAt: number): number {
    let readyAt = Infinity;
    for (const endpoint of this.#list) readyAt = Math.min(readyAt, endpoint.readyAt);
    return Number.isFinite(readyAt) ? Math.max(sentAt, readyAt) : sentAt;
  }

  /** The shortest cold start of its endpoints, ms; 0 where none goes cold. */
  get coldStartMs(): number {
    let shortest = Infinity;
    for (const endpoint of this.#list) {
      if (endpoint.spec.coldStart) shortest = Math.min(shortest, endpoint.coldStartMs);
    }
    return Number.isFinite(shortest) ? shortest : 0;
  }

  /** Time until an endpoint is up where none is, ms. */
  startMs(now: number): number {
    if (this.isWarm) return 0;
    let startMs = Infinity;
    for (const endpoint of this.#list) {
      if (endpoint.takesCalls) startMs = Math.min(startMs, endpoint.coldWaitMs(now));
    }
    return Number.isFinite(startMs) ? startMs : 0;
  }
}

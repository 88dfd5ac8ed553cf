/**
 * One backend of a tenant: its endpoints, the line before it, its learned speed and its arrivals.
 * It chooses the endpoint of a grant and the endpoint to wake; the dispatcher decides when to ask.
 */

import { Arrivals } from '../arrivals/arrivals.ts';
import { ServiceAccounts } from '../order/service-accounts.ts';
import type { WaitingQueue } from '../order/waiting-queue.ts';
import type { CallResult } from '../runs/call-result.ts';
import type { LiveCall } from '../runs/live-run.ts';
import type { BackendSpec } from './backend-spec.ts';
import { BackendSpeed } from './backend-speed.ts';
import { Endpoint } from './endpoint.ts';
import { RetryBudget } from './retry-budget.ts';

/** More than any preference. */
const AVOIDED = 10;

export class Backend {
  readonly name: string;
  readonly endpoints = new Map<string, Endpoint>();
  readonly arrivals: Arrivals;
  readonly speed: BackendSpeed;
  readonly retries = new RetryBudget();
  /** Kept where the policy shares by application. */
  readonly accounts = new ServiceAccounts();
  queue: WaitingQueue;
  /** Slots held by calls that went first for a deadline's sake. */
  urgentRunning = 0;
  spec: BackendSpec;
  /** The configuration no longer names it; it stays until its last call has ended. */
  removed = false;

  constructor(name: string, spec: BackendSpec, queue: WaitingQueue, now: number) {
    this.name = name;
    this.spec = spec;
    this.queue = queue;
    this.arrivals = new Arrivals(now);
    this.speed = new BackendSpeed(spec.speed, spec.endpoints);
    this.configure(spec, now);
  }

  /** Takes over a new description: endpoints that are gone drain, new ones begin cold. */
  configure(spec: BackendSpec, now: number): void {
    this.spec = spec;
    this.removed = false;
    this.speed.configure(spec.speed, spec.endpoints);
    const named = new Map(spec.endpoints.map((e) => [e.id, e]));
    for (const [id, endpoint] of this.endpoints) {
      if (!named.has(id)) this.#drain(id, endpoint);
    }
    for (const [id, endpointSpec] of named) {
      const known = this.endpoints.get(id);
      if (!known) {
        this.endpoints.set(id, new Endpoint(endpointSpec, now));
        continue;
      }
      known.spec = endpointSpec;
      if (known.state === 'draining' || !endpointSpec.coldStart) known.state = 'warm';
    }
  }

  remove(): void {
    this.removed = true;
    for (const [id, endpoint] of this.endpoints) this.#drain(id, endpoint);
  }

  /**
   * The endpoint that the next call goes to: the warm one with the largest share of free slots; one
   * that failed the call before only where no other can take it.
   */
  pick(now: number, avoid?: ReadonlySet<string>): Endpoint | undefined {
    let best: Endpoint | undefined;
    let bestScore = -Infinity;
    for (const endpoint of this.endpoints.values()) {
      if (!this.#accepts(endpoint, now)) continue;
      const score = preference(endpoint) - (avoid?.has(endpoint.spec.id) ? AVOIDED : 0);
      if (score > bestScore) [best, bestScore] = [endpoint, score];
    }
    return best;
  }

  /** True where no endpoint can be used now or woken: all are left alone after faults. */
  isDown(now: number): boolean {
    for (const { state, breaker } of this.endpoints.values()) {
      if (state !== 'draining' && breaker.stateAt(now) !== 'open') return false;
    }
    return true;
  }

  /** True where a call can go on after an attempt that failed: some endpoint has not failed it. */
  hasOtherEndpoint(avoid: ReadonlySet<string>, now: number): boolean {
    for (const { state, spec, breaker } of this.endpoints.values()) {
      if (state === 'draining' || avoid.has(spec.id)) continue;
      if (breaker.stateAt(now) !== 'open') return true;
    }
    return false;
  }

  get running(): number {
    let running = 0;
    for (const endpoint of this.endpoints.values()) running += endpoint.inFlight;
    return running;
  }

  /** Slots of all endpoints that take calls; Infinity for no limit. */
  get slots(): number {
    let slots = 0;
    for (const endpoint of this.endpoints.values()) {
      if (endpoint.state !== 'draining') slots += endpoint.spec.slots;
    }
    return slots;
  }

  /** Slots of what is up or coming, and trusted; without those of some endpoints. */
  upSlots(now: number, without?: ReadonlySet<Endpoint>): number {
    let slots = 0;
    for (const endpoint of this.endpoints.values()) {
      if (!without?.has(endpoint)) slots += endpoint.upSlots(now);
    }
    return slots;
  }

  /** Calls that can be sent at once; of an endpoint that has just woken one. */
  freeSlots(now: number): number {
    let free = 0;
    for (const endpoint of this.endpoints.values()) {
      if (this.#accepts(endpoint, now)) free += endpoint.isOpening ? 1 : endpoint.free;
    }
    return free;
  }

  /** True where some endpoint answers calls now, whether or not it has a free slot. */
  get isWarm(): boolean {
    for (const endpoint of this.endpoints.values()) if (endpoint.state === 'warm') return true;
    return false;
  }

  /** When a call that was sent at a time began or will begin to be served, as far as is known. */
  servingFrom(sentAt: number): number {
    let readyAt = Infinity;
    for (const endpoint of this.endpoints.values()) readyAt = Math.min(readyAt, endpoint.readyAt);
    return Number.isFinite(readyAt) ? Math.max(sentAt, readyAt) : sentAt;
  }

  get canGoCold(): boolean {
    return this.spec.endpoints.some((e) => e.coldStart);
  }

  /**
   * A cold endpoint to wake for those that wait, or undefined where what is up or coming suffices.
   * `needsOther`: what is up does not, but what is coming does.
   */
  endpointToWake(needsOther: boolean, now: number): Endpoint | undefined {
    let isComing = false;
    let cold: Endpoint | undefined;
    for (const endpoint of this.endpoints.values()) {
      if (endpoint.state === 'warming') isComing = true;
      else if (endpoint.state === 'cold' && now >= endpoint.unavailableUntil) cold ??= endpoint;
    }
    const isShort = this.queue.size > this.upSlots(now) || (needsOther && !isComing);
    return isShort ? cold : undefined;
  }

  /** The endpoint whose cold start is the shortest: what a forecast has to look ahead. */
  get coldStartMs(): number {
    let least = Infinity;
    for (const endpoint of this.endpoints.values()) {
      if (endpoint.spec.coldStart) least = Math.min(least, endpoint.coldStartMs);
    }
    return Number.isFinite(least) ? least : 0;
  }

  /** True where the call may not wait here: too many do, or their bodies are too large together. */
  isFullFor({ bodyBytes = 0 }: LiveCall['request']): boolean {
    const { queueDepth, queueBytes = Infinity } = this.spec;
    return this.queue.size >= queueDepth || this.queue.bytes + bodyBytes > queueBytes;
  }

  /** Expected wait of a call that joins the line now, ms. */
  expectedWaitMs(): number {
    const { slots } = this;
    const coldMs = this.isWarm ? 0 : this.coldStartMs;
    const ahead = Math.max(0, this.queue.size + this.running - slots + 1);
    return coldMs + (slots > 0 ? (ahead * this.speed.meanServiceMs) / slots : 0);
  }

  /** Longest wait of a call, ms: the client's wish, but no longer than configured, unless patient. */
  maxWaitMs(call: LiveCall['request']): number {
    const configured = this.isWarm ? this.spec.maxWaitMs : this.spec.maxWaitColdMs;
    if (call.patient) return call.maxWaitMs ?? configured;
    return Math.min(configured, call.maxWaitMs ?? Infinity);
  }

  /** A call that an endpoint served has ended, beside so many others on the average. */
  observe(result: CallResult, call: LiveCall, endpoint: string, concurrency: number): void {
    this.speed.observe(result, call.request, endpoint, concurrency);
  }

  /** When an endpoint changes its state by itself or may be tried again, epoch ms. */
  dueAt(now: number): number {
    let due = Infinity;
    for (const endpoint of this.endpoints.values()) {
      due = Math.min(due, endpoint.changesAt);
      if (this.queue.size === 0) continue;
      if (endpoint.unavailableUntil > now) due = Math.min(due, endpoint.unavailableUntil);
      due = Math.min(due, endpoint.opensAt(now));
    }
    return due;
  }

  /** Forgets an endpoint that drains once its last call has ended. */
  forgetIfDrained(id: string): void {
    const endpoint = this.endpoints.get(id);
    if (endpoint?.state === 'draining' && endpoint.inFlight === 0) this.endpoints.delete(id);
  }

  /** An endpoint that is not configured, but has calls from before a restart. */
  addDraining(id: string, now: number): Endpoint {
    const endpoint = new Endpoint({ id, slots: 0 }, now);
    endpoint.state = 'draining';
    this.endpoints.set(id, endpoint);
    return endpoint;
  }

  /** The clock went back. */
  clockWentBack(now: number): void {
    this.arrivals.clockWentBack(now);
    for (const endpoint of this.endpoints.values()) endpoint.clockWentBack(now);
  }

  #accepts(endpoint: Endpoint, now: number): boolean {
    if (endpoint.isReady(now)) return true;
    if (this.spec.whileCold === 'hold' || endpoint.state === 'draining') return false;
    return endpoint.state !== 'warm' && endpoint.free > 0 && endpoint.breaker.admits(now);
  }

  #drain(id: string, endpoint: Endpoint): void {
    endpoint.state = 'draining';
    if (endpoint.inFlight === 0) this.endpoints.delete(id);
  }
}

/** Warm before cold, then the emptier. Slots may be without limit. */
function preference(endpoint: Endpoint): number {
  const used = Number.isFinite(endpoint.spec.slots) ? endpoint.inFlight / endpoint.spec.slots : 0;
  return (endpoint.state === 'warm' ? 2 : endpoint.state === 'warming' ? 1 : 0) + (1 - used) / 2;
}

/**
 * One backend of a tenant: the calls that wait for it and those that run, and beside them what it
 * consists of: its endpoints (endpoint-pool.ts) and which of them takes a call (endpoint-choice.ts,
 * call-placement.ts) or is woken (demand-wake.ts), its learned speed and arrivals, the waits that are
 * expected (expected-waits.ts). The dispatcher decides when. Its specification is in backend-spec.ts, how
 * many calls may wait in queue-room.ts, what is stored of it in backend-snapshot.ts.
 */
import { UnitPrefixes } from '../affinity/unit-prefixes.ts';
import { Arrivals } from '../arrivals/arrivals.ts';
import { HeldBack } from '../order/held-back.ts';
import { KeyShares } from '../order/key-shares.ts';
import { OrderedQueue } from '../order/ordered-queue.ts';
import { ServiceAccounts } from '../order/service-accounts.ts';
import type { NextCall, WaitingQueue } from '../order/waiting-queue.ts';
import { sequencesOf } from '../runs/call-request.ts';
import type { CallResult } from '../runs/call-result.ts';
import type { LiveCall } from '../runs/live-run.ts';
import { AdapterCalls } from './adapter-calls.ts';
import { BackendAdapters } from './backend-adapters.ts';
import type { BackendSpec } from './backend-spec.ts';
import { BackendSpeed } from './backend-speed.ts';
import { CallPlacement } from './call-placement.ts';
import { DemandWake } from './demand-wake.ts';
import type { Endpoint } from './endpoint.ts';
import { EndpointChoice } from './endpoint-choice.ts';
import { EndpointPool } from './endpoint-pool.ts';
import { ExpectedCaches } from './expected-caches.ts';
import { ExpectedWaits } from './expected-waits.ts';
import { LoadChoice } from './load-choice.ts';
import { RetryBudget } from './retry-budget.ts';

/** Time between two looks at whether the endpoints that are up will serve a waiting call, ms. */
const LOOK_AGAIN_MS = 1_000;

export class Backend {
  readonly name: string;
  readonly pool = new EndpointPool();
  /** Which endpoints take a call. */
  readonly choice = new EndpointChoice(this);
  readonly arrivals: Arrivals;
  readonly speed: BackendSpeed;
  readonly retries = new RetryBudget();
  /** Service by application; used only by policies that share by application. */
  readonly accounts = new ServiceAccounts();
  /** Fair shares of the slots between API keys. */
  readonly shares = new KeyShares({
    of: (key) => this.queue.waitingOf(key).calls,
    takeEmptied: () => this.queue.takeEmptied(),
  });
  queue: WaitingQueue;
  /** What the prefix caches of its endpoints are expected to hold. */
  readonly caches = new ExpectedCaches(this);
  /** Which endpoint a call takes or waits for. */
  readonly placement = new CallPlacement(this);
  readonly heldBack = new HeldBack();
  /** What its prompts have in common; learned where prefixes are read ahead. */
  readonly prefixes = new UnitPrefixes();
  /** Adapters that its endpoints load. */
  readonly adapters = new BackendAdapters(this);
  /** The calls that need one. */
  readonly adapterCalls = new AdapterCalls(this);
  /** Which of them is loaded where. */
  readonly loadChoice = new LoadChoice(this);
  /** Calls that an endpoint refused, by the time at which they are queued again, epoch ms. */
  readonly #pausing = new OrderedQueue<LiveCall>();
  /** Calls that hold a slot. */
  readonly #running = new Set<LiveCall>();
  /** The model that was asked for last. */
  #lastModel: string | undefined;
  readonly waits = new ExpectedWaits(this);
  /** Which endpoint is woken for calls that wait. */
  readonly demand = new DemandWake(this);
  /** Slots held by calls that were granted before others because of a deadline. */
  urgentRunning = 0;
  spec: BackendSpec;
  /** True where the backend is no longer configured; it stays until its last call ends. */
  removed = false;

  constructor(name: string, spec: BackendSpec, queue: WaitingQueue, now: number) {
    this.name = name;
    this.spec = spec;
    this.queue = queue;
    this.arrivals = new Arrivals(now);
    this.speed = new BackendSpeed(spec.speed, spec.endpoints);
    this.configure(spec, now);
  }

  /** Applies a configuration: removed endpoints drain, new ones that can go cold begin cold. */
  configure(spec: BackendSpec, now: number): void {
    this.spec = spec;
    this.removed = false;
    this.shares.enabled = spec.fairKeys ?? true;
    this.speed.configure(spec.speed, spec.endpoints);
    this.pool.configure(spec.endpoints, now);
    this.caches.configured();
    this.adapters.configured();
    if (!spec.prewarm.prefix) this.prefixes.forget();
  }

  remove(): void {
    this.removed = true;
    this.pool.drain();
  }

  get endpoints(): ReadonlyMap<string, Endpoint> {
    return this.pool.byId;
  }

  /** Slots in use at all endpoints, draining ones included. */
  get slotsInUse(): number {
    return this.pool.slotsInUse;
  }

  /** Slots of all endpoints that are not draining; Infinity for no limit. */
  get slots(): number {
    return this.pool.slots;
  }

  /** Slots that calls can be sent to at once; an endpoint in slow start counts as one. */
  freeSlots(now: number, key = ''): number {
    return this.choice.freeSlots(now, key);
  }

  /**
   * True where calls are held here while an endpoint is woken: by the configuration, or because its
   * platform refuses what it was configured to hold.
   */
  get holdsWhileCold(): boolean {
    if (this.spec.whileCold === 'hold') return true;
    for (const endpoint of this.pool.list) if (endpoint.wakes.refusesCalls) return true;
    return false;
  }

  get canGoCold(): boolean {
    return this.spec.endpoints.some((e) => e.coldStart);
  }

  /** Calls that wait, those that pause after a refusal or wait for an adapter included. */
  get waiting(): number {
    return this.queue.size + this.#pausing.size + this.adapterCalls.parked.size;
  }

  /** All waiting calls, in no order. */
  *waitingCalls(): Iterable<LiveCall> {
    yield* this.queue.calls();
    yield* this.#pausing.values();
    yield* this.adapterCalls.parked.calls();
  }

  /** Waiting calls that pause after a refusal, in no order. */
  pausingCalls(): Iterable<LiveCall> {
    return this.#pausing.values();
  }

  /** Calls that hold a slot, in the order of their grants. */
  runningCalls(): ReadonlySet<LiveCall> {
    return this.#running;
  }

  /** The model of the call that goes next; of the last one where none waits. */
  get neededModel(): string | undefined {
    return this.queue.next?.request.model ?? this.#lastModel;
  }

  /** Queues a call, now or at a time after a pause, epoch ms. */
  enqueue(call: LiveCall, now: number, at = now): void {
    this.#lastModel = call.request.model ?? this.#lastModel;
    this.adapterCalls.waits(call);
    if (at > now) return this.#pausing.set(call, at, call.seq);
    if (this.queue.size === 0) this.demand.moved(now);
    // What it will take of those that there are, for the waits behind it.
    call.slots = Math.min(sequencesOf(call.request), this.#mostSlots);
    this.queue.add(call);
    this.shares.queued(call.request.keyId ?? '', now);
  }

  /** Holds a call back for an endpoint. */
  hold(next: NextCall, endpoint: string, now: number): void {
    this.heldBack.hold(next.call, endpoint, now);
    this.queue.addBack(next);
  }

  /** A call that is held back goes to any endpoint from now on. */
  unhold(call: LiveCall, now: number): void {
    this.queue.remove(call);
    this.heldBack.release(call, now);
    this.queue.add(call);
  }

  /** A call gets a slot of an endpoint. */
  granted(call: LiveCall, endpoint: Endpoint, now: number): void {
    this.#running.add(call);
    this.waits.granted(call, now);
    this.demand.moved(now);
    this.placement.granted(call, endpoint);
    this.adapterCalls.granted(call, endpoint, now);
  }

  /** A call's slot is taken back. */
  released(call: LiveCall): void {
    this.#running.delete(call);
    this.placement.released(call);
    this.adapterCalls.released(call);
    this.waits.released();
  }

  /** Queues the calls whose pause is over. */
  endPauses(now: number, until = now): void {
    while (this.#pausing.size > 0 && this.#pausing.peekKey() <= until) {
      const call = this.#pausing.pop();
      if (call) this.enqueue(call, now);
    }
  }

  /** Removes a waiting call. */
  dequeue(call: LiveCall, now: number): void {
    if (call.placed.parkedAt !== undefined) return this.adapterCalls.waitsNot(call, now);
    this.adapterCalls.waitsNot(call, now);
    if (this.#pausing.delete(call)) return;
    this.queue.remove(call);
    this.heldBack.release(call, now);
  }

  /** Slots of its largest endpoint; 1 at the least. */
  get #mostSlots(): number {
    return this.spec.endpoints.reduce((most, { slots }) => Math.max(most, slots), 1);
  }

  /** Learns the speed from a call's end; `concurrency` is the mean number of calls there. */
  observe(result: CallResult, call: LiveCall, endpoint: string, concurrency: number): void {
    this.speed.observe(result, call.request, endpoint, concurrency);
    this.placement.observe(result, call);
  }

  /** When an endpoint next changes by time alone, may be tried again or opens a slot, epoch ms. */
  dueAt(now: number): number {
    let dueAt = Math.min(this.#pausing.peekKey(), this.heldBack.dueAt);
    dueAt = Math.min(dueAt, this.adapters.dueAt, this.adapterCalls.dueAt(now));
    if (this.queue.size > 0) {
      dueAt = Math.min(dueAt, this.shares.dueAt(now));
      if (this.#mayWake()) dueAt = Math.min(dueAt, now + LOOK_AGAIN_MS);
    }
    for (const endpoint of this.pool.list) {
      dueAt = Math.min(dueAt, endpoint.changesAt);
      if (this.queue.size === 0) continue;
      dueAt = Math.min(dueAt, endpoint.trust.dueAt(now), endpoint.slots.opensAt(now));
    }
    return dueAt;
  }

  /** Handles a clock that jumps back. */
  clockWentBack(now: number): void {
    this.arrivals.clockWentBack(now);
    this.shares.clockWentBack(now);
    this.queue.clockWentBack();
    this.demand.clockWentBack(now);
    // Calls that pause are queued at once: their pauses count from a time that is not known any more.
    this.endPauses(now, Infinity);
    // The same of calls that are held back: they are placed anew.
    for (const call of this.queue.heldCalls()) {
      this.unhold(call, now);
      call.placed.heldUntil = Infinity;
    }
    this.heldBack.clockWentBack(now);
    this.adapterCalls.parked.clockWentBack(now);
    this.adapters.clockWentBack(now);
    for (const endpoint of this.pool.list) endpoint.clockWentBack(now);
  }

  /** True where another endpoint may be woken for calls that wait beside those that are up. */
  #mayWake(): boolean {
    return this.pool.list.length > 1 && this.holdsWhileCold && this.pool.hasCold;
  }
}

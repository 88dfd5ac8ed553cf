/**
 * One backend of a tenant: its endpoints, queue, learned speed and arrivals. It chooses the
 * endpoint of a grant or a wake; the dispatcher decides when. Its specification is in
 * backend-spec.ts.
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
import { BackendAdapters } from './backend-adapters.ts';
import type { BackendSpec } from './backend-spec.ts';
import { BackendSpeed } from './backend-speed.ts';
import { CallPlacement } from './call-placement.ts';
import { Endpoint } from './endpoint.ts';
import { ForecastBias } from './forecast-bias.ts';
import { isLate, type RunningCall } from './freeing-slots.ts';
import { KeptSlots } from './kept-slots.ts';
import { RetryBudget } from './retry-budget.ts';
import { SlotForecast, type SlotInUse } from './slot-forecast.ts';
import { WaitCorrection } from './wait-correction.ts';

/** Time between two looks at whether the endpoints that are up will serve a waiting call, ms. */
const LOOK_AGAIN_MS = 1_000;
/** A queue that did not move for this share of a cold start is not left to the endpoints that are up. */
const STALLED_SHARE = 0.5;
/** A forecast of free slots serves all who ask within this time while no call begins or ends, ms. */
const FORECAST_KEPT_MS = 100;
/** Score deducted for an endpoint to avoid; larger than any preference. */
const AVOIDED_PENALTY = 10;

export class Backend {
  readonly name: string;
  readonly endpoints = new Map<string, Endpoint>();
  /** The same as an array: each call asks all of them several times. */
  #list: readonly Endpoint[] = [];
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
  /** Which endpoint a call takes or waits for. */
  readonly placement = new CallPlacement(this);
  readonly heldBack = new HeldBack();
  /** What its prompts have in common; learned where prefixes are read ahead. */
  readonly prefixes = new UnitPrefixes();
  /** Adapters that its endpoints load, and the calls that wait for one. */
  readonly adapters = new BackendAdapters(this);
  /** Slots that are left to calls that need several. */
  readonly #kept = new KeptSlots();
  /** Calls that an endpoint refused, by the time at which they are queued again, epoch ms. */
  readonly #pausing = new OrderedQueue<LiveCall>();
  /** Calls that hold a slot. */
  readonly #running = new Set<LiveCall>();
  /** The model that was asked for last. */
  #lastModel: string | undefined;
  readonly waitCorrection = new WaitCorrection();
  /** The same of waits that were forecast by draws. */
  readonly forecastBias = new ForecastBias();
  #forecast: { readonly at: number; readonly slots: SlotForecast } | undefined;
  /** When a waiting call last got a slot, or the first one began to wait, epoch ms. */
  #movedAt = -Infinity;
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
    const named = new Map(spec.endpoints.map((e) => [e.id, e]));
    for (const [id, endpoint] of this.endpoints) {
      if (!named.has(id)) this.#drain(id, endpoint);
    }
    for (const [id, endpointSpec] of named) {
      const existing = this.endpoints.get(id);
      if (!existing) {
        this.endpoints.set(id, new Endpoint(endpointSpec, now));
        continue;
      }
      existing.spec = endpointSpec;
      if (existing.state === 'draining' || !endpointSpec.coldStart) {
        existing.state = 'warm';
        existing.timeline.entered('warm', existing.inFlight > 0, now);
      }
    }
    this.#listed();
    this.placement.configured();
    this.adapters.configured();
    if (!spec.prewarm.prefix) this.prefixes.forget();
  }

  /** All endpoints, draining ones included. */
  get list(): readonly Endpoint[] {
    return this.#list;
  }

  #listed(): void {
    this.#list = [...this.endpoints.values()];
  }

  remove(): void {
    this.removed = true;
    for (const [id, endpoint] of this.endpoints) this.#drain(id, endpoint);
    this.#listed();
  }

  /**
   * The endpoint for the next call: a warm one before others, then the largest share of free slots.
   * One of `avoid`, which failed the call before, is chosen only where no other can take the call.
   * `key`: the call's API key, which some endpoints may not be trusted with. `sequences`: the slots
   * that it needs at one endpoint.
   */
  pick(now: number, avoid?: ReadonlySet<string>, key = '', sequences = 1): Endpoint | undefined {
    let best: Endpoint | undefined;
    let bestScore = -Infinity;
    const wanted = sequences > 1 ? this.#slotsFor(sequences, key, avoid, now) : 1;
    for (const endpoint of this.#list) {
      if (endpoint.spec.slots < wanted || !this.#accepts(endpoint, now, key, wanted)) continue;
      const score = preference(endpoint) - (avoid?.has(endpoint.spec.id) ? AVOIDED_PENALTY : 0);
      if (score > bestScore) [best, bestScore] = [endpoint, score];
    }
    return best;
  }

  /** Slots of its largest endpoint; 1 at the least. */
  get #mostSlots(): number {
    return this.spec.endpoints.reduce((most, { slots }) => Math.max(most, slots), 1);
  }

  /** Slots that a call of so many sequences waits for: no more than the largest endpoint has. */
  #slotsFor(
    sequences: number,
    key: string,
    avoid: ReadonlySet<string> | undefined,
    now: number,
  ): number {
    let most = 1;
    for (const endpoint of this.#list) {
      if (avoid?.has(endpoint.spec.id) || endpoint.upSlots(now) === 0) continue;
      if (endpoint.trust.isOpenFor(key, now)) continue;
      most = Math.max(most, endpoint.spec.slots);
    }
    return Math.min(sequences, most);
  }

  /**
   * Keeps the endpoint with the most free slots for a call that needs more, until the next round of
   * grants. One that failed the call is not kept for it.
   */
  keepFor(call: LiveCall, now: number): void {
    const key = call.request.keyId ?? '';
    const wanted = this.#slotsFor(sequencesOf(call.request), key, call.avoid, now);
    let best: Endpoint | undefined;
    let most = 0;
    for (const endpoint of this.#list) {
      if (endpoint.spec.slots < wanted || call.avoid?.has(endpoint.spec.id)) continue;
      if (!this.#accepts(endpoint, now, key)) continue;
      const free = endpoint.freeAt(now);
      if (free > most) [best, most] = [endpoint, free];
    }
    const { callId } = call.request;
    if (best) this.#kept.keep(best.spec.id, { callId, key, slots: most, since: now });
  }

  /** A round of grants begins: nothing is kept yet. */
  beginRound(now: number): void {
    this.#kept.beginRound(now);
  }

  endRound(): void {
    this.#kept.endRound((key, slotMs) => this.shares.charge(key, slotMs));
  }

  /** True where no endpoint can be used or woken for calls of a key: paused, or its circuit is open. */
  isDown(now: number, key = ''): boolean {
    for (const { state, isPaused, trust } of this.#list) {
      if (state !== 'draining' && !isPaused && !trust.isOpenFor(key, now)) return false;
    }
    return true;
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

  /** The keys of which no endpoint takes calls now, even with a free slot; or all of them. */
  barredKeys(now: number): ReadonlySet<string> | 'all' {
    let barred: ReadonlySet<string> | undefined;
    for (const { state, isPaused, trust } of this.#list) {
      if (state === 'draining' || isPaused || !trust.admitsSome(now)) continue;
      barred = trust.barredOf(barred, now);
      if (barred.size === 0) break;
    }
    return barred ?? 'all';
  }

  /** True where a retry has another endpoint: a usable one that has not failed the call. */
  hasOtherEndpoint(avoid: ReadonlySet<string>, now: number, key = ''): boolean {
    for (const { state, spec, isPaused, trust } of this.#list) {
      if (state === 'draining' || isPaused || avoid.has(spec.id)) continue;
      if (!trust.isOpenFor(key, now)) return true;
    }
    return false;
  }

  /** Calls in flight at all endpoints, draining ones included. */
  get running(): number {
    let running = 0;
    for (const endpoint of this.#list) running += endpoint.inFlight;
    return running;
  }

  /** Slots in use at all endpoints, draining ones included. */
  get slotsInUse(): number {
    let inUse = 0;
    for (const endpoint of this.#list) inUse += endpoint.concurrency;
    return inUse;
  }

  /** Slots of all endpoints that are not draining; Infinity for no limit. */
  get slots(): number {
    let slots = 0;
    for (const endpoint of this.#list) {
      if (endpoint.state !== 'draining') slots += endpoint.spec.slots;
    }
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

  /** Slots that calls can be sent to at once; an endpoint in slow start counts as one. */
  freeSlots(now: number, key = ''): number {
    let free = 0;
    for (const endpoint of this.#list) {
      if (this.#accepts(endpoint, now, key)) free += endpoint.isOpening ? 1 : endpoint.free;
    }
    return free;
  }

  /** True where some endpoint takes a call now, of whatever key. */
  hasFree(now: number): boolean {
    for (const endpoint of this.#list) {
      if (endpoint.isReady(now) && !this.isKept(endpoint.spec.id)) return true;
    }
    return false;
  }

  /** False where no endpoint has a free slot, for whatever call and in whatever state. */
  get hasRoom(): boolean {
    for (const { free, state, isPaused } of this.#list) {
      if (free > 0 && state !== 'draining' && !isPaused) return true;
    }
    return false;
  }

  /** True where an endpoint is left to a call that needs several of its slots. */
  isKept(id: string): boolean {
    return this.#kept.has(id);
  }

  /**
   * False where an endpoint, for which calls are held back, is full; true where it has a slot, or is
   * no longer worth waiting for.
   */
  isOpen(id: string, now: number): boolean {
    const endpoint = this.endpoints.get(id);
    if (endpoint?.state !== 'warm' || endpoint.upSlots(now) === 0) return true;
    return endpoint.isReady(now) && !this.isKept(id);
  }

  /** The same of the endpoints that are not paused. */
  get #takingSlots(): number {
    let slots = 0;
    for (const { state, spec, isPaused } of this.#list) {
      if (state !== 'draining' && !isPaused) slots += spec.slots;
    }
    return slots;
  }

  /** True where some endpoint is warm and not paused, whether or not it has a free slot. */
  get isWarm(): boolean {
    for (const { state, isPaused } of this.#list) {
      if (state === 'warm' && !isPaused) return true;
    }
    return false;
  }

  /** When service of a call that was sent at `sentAt` began or is expected to begin, epoch ms. */
  servingFrom(sentAt: number): number {
    let readyAt = Infinity;
    for (const endpoint of this.#list) readyAt = Math.min(readyAt, endpoint.readyAt);
    return Number.isFinite(readyAt) ? Math.max(sentAt, readyAt) : sentAt;
  }

  /**
   * True where calls are held here while an endpoint is woken: by the configuration, or because its
   * platform refuses what it was configured to hold.
   */
  get holdsWhileCold(): boolean {
    if (this.spec.whileCold === 'hold') return true;
    for (const endpoint of this.#list) if (endpoint.refusesWhileCold) return true;
    return false;
  }

  get canGoCold(): boolean {
    return this.spec.endpoints.some((e) => e.coldStart);
  }

  /**
   * The cold endpoint to wake for calls that wait, the one that starts soonest; undefined where those
   * that are up or coming serve them sooner. `needsOther`: the warm ones do not suffice, but a warming
   * one would. `expectedMs`: the service time of a running call, by what is known of its kind.
   */
  endpointToWake(
    needsOther: boolean,
    now: number,
    expectedMs: (call: LiveCall) => number,
  ): Endpoint | undefined {
    let isWarming = false;
    let cold: Endpoint | undefined;
    for (const endpoint of this.#list) {
      if (endpoint.isPaused) continue;
      if (endpoint.state === 'warming') isWarming = true;
      else if (endpoint.state === 'cold' && this.#isWantedBy(endpoint, now)) {
        if (!cold || endpoint.coldStartMs < cold.coldStartMs) cold = endpoint;
      }
    }
    if (!cold) return undefined;
    const isShort = this.waiting > this.upSlots(now) || (needsOther && !isWarming);
    return isShort || this.#servesSooner(cold, now, expectedMs) ? cold : undefined;
  }

  /** True where a cold endpoint, woken now, may serve a waiting call before those that are up do. */
  #servesSooner(cold: Endpoint, now: number, expectedMs: (call: LiveCall) => number): boolean {
    let waiting = this.queue.size;
    let count = 0;
    const isStalled = now - this.#movedAt >= cold.coldStartMs * STALLED_SHARE;
    const up = new Set<string>();
    for (const endpoint of this.#list) {
      if (endpoint === cold || endpoint.upSlots(now) === 0) continue;
      if (endpoint.state === 'warm') {
        waiting -= Math.max(0, endpoint.free);
        count += endpoint.inFlight;
        up.add(endpoint.spec.id);
        // One that is later than expected may be as late again.
      } else if (Math.abs(endpoint.readyAt - now) <= cold.coldStartMs) {
        waiting -= endpoint.upSlots(now);
      }
    }
    if (waiting > 0 && isStalled) return true;
    return isLate(waiting, this.#runningAt(up, now, expectedMs), count, cold.coldStartMs);
  }

  *#runningAt(
    endpoints: ReadonlySet<string>,
    now: number,
    expectedMs: (call: LiveCall) => number,
  ): Iterable<RunningCall> {
    for (const call of this.#running) {
      if (!call.lease || !endpoints.has(call.lease.endpoint)) continue;
      yield { elapsedMs: now - call.lease.grantedAt, expectedMs: expectedMs(call) };
    }
  }

  /** The shortest cold start of its endpoints, ms; 0 where none goes cold. */
  get coldStartMs(): number {
    let shortest = Infinity;
    for (const endpoint of this.#list) {
      if (endpoint.spec.coldStart) shortest = Math.min(shortest, endpoint.coldStartMs);
    }
    return Number.isFinite(shortest) ? shortest : 0;
  }

  /** True where the queue is full for the call, by number of calls or by bytes of bodies. */
  isFullFor({ bodyBytes = 0 }: LiveCall['request']): boolean {
    const { queueDepth, queueBytes = Infinity } = this.spec;
    const waitingBytes = this.queue.bytes + this.adapters.parked.bytes;
    return this.waiting >= queueDepth || waitingBytes + bodyBytes > queueBytes;
  }

  /** True where the call's API key has as many calls or bytes in the queue as one key may have. */
  isFullForKey({ bodyBytes = 0, keyId = '' }: LiveCall['request']): boolean {
    const { queueDepth, queueBytes = Infinity, keyQueueShare = 1 } = this.spec;
    if (keyQueueShare >= 1) return false;
    const parked = this.adapters.parked.ofKey(keyId);
    const queued = this.queue.waitingOf(keyId);
    const [calls, bytes] = [queued.calls + parked.calls, queued.bytes + parked.bytes];
    return (
      calls >= Math.ceil(queueDepth * keyQueueShare) ||
      bytes + bodyBytes > queueBytes * keyQueueShare
    );
  }

  /** True where a call that is submitted now gets a slot at once. */
  startsAtOnce(request: LiveCall['request'], now: number): boolean {
    // Calls can wait beside free slots: for an endpoint that has not failed them.
    const inLine = this.queue.size - this.heldBack.size;
    if (this.freeSlots(now, request.keyId) <= inLine) return false;
    const endpoint = this.pick(now, undefined, request.keyId, sequencesOf(request));
    return endpoint !== undefined && this.adapters.mayStart(request, now);
  }

  /** Calls that wait, those that pause after a refusal or wait for an adapter included. */
  get waiting(): number {
    return this.queue.size + this.#pausing.size + this.adapters.parked.size;
  }

  /** All waiting calls, in no order. */
  *waitingCalls(): Iterable<LiveCall> {
    yield* this.queue.calls();
    yield* this.#pausing.values();
    yield* this.adapters.parked.calls();
  }

  /** Waiting calls that pause after a refusal, in no order. */
  pausingCalls(): Iterable<LiveCall> {
    return this.#pausing.values();
  }

  /** Calls that hold a slot, in the order of their grants. */
  runningCalls(): Iterable<LiveCall> {
    return this.#running;
  }

  /** The model of the call that goes next; of the last one where none waits. */
  get neededModel(): string | undefined {
    return this.queue.next?.request.model ?? this.#lastModel;
  }

  /** Queues a call, now or at a time after a pause, epoch ms. */
  enqueue(call: LiveCall, now: number, at = now): void {
    this.#lastModel = call.request.model ?? this.#lastModel;
    this.adapters.waits(call);
    if (at > now) return this.#pausing.set(call, at, call.seq);
    if (this.queue.size === 0) this.#movedAt = now;
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
    this.#forecast = undefined;
    const { told } = call;
    if (told) {
      const { at, callsAhead, explainedMs, isForecast } = told;
      call.told = undefined;
      if (call.coldSince === undefined) {
        if (isForecast) this.forecastBias.observe(told, now - at);
        else this.waitCorrection.observe(callsAhead, explainedMs, now - at);
      }
    }
    this.#movedAt = now;
    this.placement.granted(call, endpoint);
    this.adapters.granted(call, endpoint, now);
  }

  /** A call's slot is taken back. */
  released(call: LiveCall): void {
    this.#running.delete(call);
    this.placement.released(call);
    this.adapters.released(call);
    this.#forecast = undefined;
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
    if (call.placed.parkedAt !== undefined) return this.adapters.waitsNot(call, now);
    this.adapters.waitsNot(call, now);
    if (this.#pausing.delete(call)) return;
    this.queue.remove(call);
    this.heldBack.release(call, now);
  }

  /**
   * Expected wait of a call that goes after all that wait now, ms: by what they and the calls that run
   * are expected to take, and by how far such waits were off lately.
   */
  lastWaitMs(now: number): number {
    if (this.speed.calls === 0) return this.expectedWaitMs();
    const { load } = this.queue;
    const others = this.waiting - this.queue.size;
    const calls = load.calls + others;
    const workMs = load.workMs + others * this.speed.meanServiceMs;
    const explainedMs = this.explainedWaitMs(calls, workMs, now);
    return this.startMs(now) + explainedMs * this.waitCorrection.of(calls);
  }

  /** The same by the mean service time alone, for forecasts, ms. */
  expectedWaitMs(): number {
    const slots = this.#takingSlots;
    const coldMs = this.isWarm ? 0 : this.coldStartMs;
    const ahead = Math.max(0, this.waiting + this.slotsInUse - slots + 1);
    return coldMs + (slots > 0 ? (ahead * this.speed.meanServiceMs) / slots : 0);
  }

  /** Time until an endpoint is up where none is, ms. */
  startMs(now: number): number {
    if (this.isWarm) return 0;
    let startMs = Infinity;
    for (const endpoint of this.#list) {
      if (endpoint.state === 'draining' || endpoint.isPaused) continue;
      startMs = Math.min(startMs, endpoint.coldWaitMs(now));
    }
    return Number.isFinite(startMs) ? startMs : 0;
  }

  /** The wait for a slot that `calls` before it explain, which take `workMs` together, ms. */
  explainedWaitMs(calls: number, workMs: number, now: number): number {
    const slots = this.#takingSlots;
    if (this.#running.size === 0) {
      // Nothing runs: all slots are there, or come with the endpoint that starts.
      return calls < slots || calls === 0
        ? 0
        : ((calls + 1 - slots) / calls) * (workMs / Math.max(1, slots));
    }
    if (!this.#forecast || Math.abs(now - this.#forecast.at) >= FORECAST_KEPT_MS) {
      this.#forecast = { at: now, slots: new SlotForecast(this.#inUse(now), this.slotsInUse) };
    }
    const sinceMs = now - this.#forecast.at;
    return Math.max(0, this.#forecast.slots.waitMs(calls, workMs, this.freeSlots(now)) - sinceMs);
  }

  *#inUse(now: number): Iterable<SlotInUse> {
    for (const { lease, expectedMs, slots } of this.#running) {
      if (lease) yield { elapsedMs: Math.max(0, now - lease.grantedAt), expectedMs, slots };
    }
  }

  /** Longest wait, ms: the client's limit, but at most the configured one unless `patient`. */
  maxWaitMs(call: LiveCall['request']): number {
    const isComing = !this.isWarm && !this.isPaused;
    const configuredMs = isComing ? this.spec.maxWaitColdMs : this.spec.maxWaitMs;
    if (call.patient) return call.maxWaitMs ?? configuredMs;
    return Math.min(configuredMs, call.maxWaitMs ?? Infinity);
  }

  /** Learns the speed from a call's end; `concurrency` is the mean number of calls there. */
  observe(result: CallResult, call: LiveCall, endpoint: string, concurrency: number): void {
    this.speed.observe(result, call.request, endpoint, concurrency);
    this.placement.observe(result, call);
  }

  /** When an endpoint next changes by time alone, may be tried again or opens a slot, epoch ms. */
  dueAt(now: number): number {
    let dueAt = Math.min(this.#pausing.peekKey(), this.heldBack.dueAt, this.adapters.dueAt(now));
    if (this.queue.size > 0) {
      dueAt = Math.min(dueAt, this.shares.dueAt(now));
      if (this.#hasCold()) dueAt = Math.min(dueAt, now + LOOK_AGAIN_MS);
    }
    for (const endpoint of this.#list) {
      dueAt = Math.min(dueAt, endpoint.changesAt);
      if (this.queue.size === 0) continue;
      dueAt = Math.min(dueAt, endpoint.trust.dueAt(now), endpoint.opensAt(now));
    }
    return dueAt;
  }

  /** Forgets an endpoint that drains once its last call has ended. */
  forgetIfDrained(id: string): void {
    const endpoint = this.endpoints.get(id);
    if (endpoint?.state !== 'draining' || endpoint.inFlight > 0) return;
    this.endpoints.delete(id);
    this.#listed();
  }

  /** Adds an endpoint that is not configured but has calls from before a restart. */
  addDraining(id: string, now: number): Endpoint {
    const endpoint = new Endpoint({ id, slots: 0 }, now);
    endpoint.state = 'draining';
    this.endpoints.set(id, endpoint);
    this.#listed();
    return endpoint;
  }

  /** Handles a clock that jumps back. */
  clockWentBack(now: number): void {
    this.arrivals.clockWentBack(now);
    this.shares.clockWentBack(now);
    this.#movedAt = Math.min(this.#movedAt, now);
    // Calls that pause are queued at once: their pauses count from a time that is not known any more.
    this.endPauses(now, Infinity);
    // The same of calls that are held back: they are placed anew.
    for (const call of this.queue.heldCalls()) {
      this.unhold(call, now);
      call.placed.heldUntil = Infinity;
    }
    this.heldBack.clockWentBack(now);
    this.adapters.clockWentBack(now);
    for (const endpoint of this.#list) endpoint.clockWentBack(now);
  }

  #hasCold(): boolean {
    if (this.endpoints.size < 2 || !this.holdsWhileCold) return false;
    for (const { state, isPaused } of this.#list) {
      if (state === 'cold' && !isPaused) return true;
    }
    return false;
  }

  #accepts(endpoint: Endpoint, now: number, key: string, sequences = 1): boolean {
    if (this.#kept.has(endpoint.spec.id)) return false;
    if (endpoint.isReady(now, key, sequences)) return true;
    if (this.spec.whileCold === 'hold' || endpoint.refusesWhileCold) return false;
    if (endpoint.state === 'draining' || endpoint.isPaused) return false;
    return (
      endpoint.state !== 'warm' &&
      endpoint.hasRoom(now, sequences) &&
      endpoint.trust.admits(key, now)
    );
  }

  /** True where a waiting key may use the endpoint; without waiting calls the present keys count. */
  #isWantedBy({ trust }: Endpoint, now: number): boolean {
    let hasKeys = false;
    for (const key of this.queue.keys) {
      if (!trust.isOpenFor(key, now)) return true;
      hasKeys = true;
    }
    return !hasKeys && now >= trust.openUntil(now);
  }

  #drain(id: string, endpoint: Endpoint): void {
    endpoint.state = 'draining';
    if (endpoint.inFlight === 0) this.endpoints.delete(id);
  }
}

/** Warm before warming before cold, then by the share of free slots. Slots may be Infinity. */
function preference(endpoint: Endpoint): number {
  const used = Number.isFinite(endpoint.spec.slots) ? endpoint.slotsHeld / endpoint.spec.slots : 0;
  return (endpoint.state === 'warm' ? 2 : endpoint.state === 'warming' ? 1 : 0) + (1 - used) / 2;
}

/**
 * Has endpoints that have just woken read what the next calls are expected to begin with. A read takes
 * a slot of an endpoint that is idle, while nobody waits, and ends before others wait for it in vain; at
 * most one a warm period. Which prefix is read, if any, is decided in prefix-choice.ts, how long that may
 * take in prefix-reading.ts, of which the text is there in kept-prefixes.ts.
 *
 * Invariant: `slots.isReading` of an endpoint is true exactly while a read of it is here and under way.
 */
import type { Backend } from '../backends/backend.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import type { LiveCall } from '../runs/live-run.ts';
import type { DailyAccounts } from './daily-accounts.ts';
import { KeptPrefixes } from './kept-prefixes.ts';
import { choosePrefix, type RunsAndModels } from './prefix-choice.ts';
import type { PrefixEffects, PrefixEvent, PrefixRead, ReadOutcome } from './prefix-events.ts';
import { beginsWith, endForCalls, endOf, type Reading, readingOf } from './prefix-reading.ts';
import type { Forecast } from './prewarm.ts';

/** The longest time for which a call is forecast, ms, where the endpoint stays up for longer. */
const LONGEST_AHEAD_MS = 600_000;

/** What an endpoint does since it woke. */
interface Woken {
  readonly backend: Backend;
  readonly endpoint: Endpoint;
  warmSince: number;
  /** Undefined until it reads; until then no call was granted there. */
  read?: Reading;
}

export class PrefixReads {
  readonly #view: RunsAndModels;
  readonly #daily: DailyAccounts;
  readonly #woken = new Map<Endpoint, Woken>();
  /** The prefixes whose text is kept. */
  readonly kept = new KeptPrefixes();

  constructor(view: RunsAndModels, daily: DailyAccounts) {
    this.#view = view;
    this.#daily = daily;
  }

  /** When a read is given up, epoch ms. */
  dueAt(now: number): number {
    let dueAt = Infinity;
    for (const { endpoint, backend, read } of this.#woken.values()) {
      if (!read || !endpoint.slots.isReading) continue;
      const isSoon = backend.queue.size > 0 && endForCalls(read) > now;
      dueAt = Math.min(dueAt, isSoon ? endForCalls(read) : endOf(read));
    }
    return dueAt;
  }

  clockWentBack(now: number): void {
    for (const woken of this.#woken.values()) {
      const { read, endpoint } = woken;
      woken.warmSince = Math.min(woken.warmSince, endpoint.warmSince);
      if (read) read.startedAt = Math.min(read.startedAt, now);
    }
  }

  /** Learns what the prompts of a unit begin with, from the first call of each run in it. */
  submitted({ request, run, visit }: LiveCall, backend: Backend, begins: boolean): void {
    const { prefix, adapter } = request;
    // What an adapter has read is of no use to others, and an engine that has woken has none.
    if (!prefix || !reads(backend) || adapter !== undefined) return;
    const isFirst = visit.number === 1 && visit.fanOut + visit.failedPrints.length <= 1;
    if (!isFirst) return;
    backend.prefixes.saw(run.app, visit.unit, prefix, begins);
  }

  /** An endpoint is up by a wake, and was not before. True where it may read something. */
  woke(backend: Backend, endpoint: Endpoint, now: number, effects: PrefixEffects): boolean {
    const before = this.#woken.get(endpoint);
    if (before) this.#end(before, now, effects);
    if (!reads(backend) || endpoint.slots.inFlight > 0) return false;
    this.#woken.set(endpoint, { backend, endpoint, warmSince: endpoint.warmSince });
    return true;
  }

  /** A call gets a slot: whether its prefix was read, and whether its text is to be kept. */
  granted(
    backend: Backend,
    endpoint: Endpoint,
    call: LiveCall,
    now: number,
    effects: PrefixEffects,
  ): void {
    call.placed.keepPrefix = reads(backend)
      ? this.kept.wanted(backend, endpoint, call, now)
      : undefined;
    const woken = this.#woken.get(endpoint);
    if (!woken) return;
    const { read } = woken;
    if (!read) this.#woken.delete(endpoint);
    else if (beginsWith(call, read.prefix)) {
      const isLate = call.request.arrivedAt < (read.endedAt ?? Infinity);
      this.#book(woken, isLate ? 'late' : 'used', now, effects);
    }
  }

  /** Begins reads that pay, at endpoints that have woken. */
  check(
    backend: Backend,
    forecast: (withinMs: number) => Forecast,
    now: number,
    effects: PrefixEffects,
  ): void {
    if (!reads(backend) || backend.waiting > 0 || this.kept.size === 0) return;
    for (const woken of this.#woken.values()) {
      const { endpoint } = woken;
      if (woken.backend !== backend || woken.read || !endpoint.isReady(now)) continue;
      if (endpoint.slots.held > 0 || backend.choice.isKept(endpoint.spec.id)) continue;
      const aheadMs = Math.max(endpoint.coldStartMs, endpoint.idleTimeoutMs);
      const readMs = (tokens: number) => backend.caches.readMs(endpoint, tokens);
      const coming = forecast(Math.min(aheadMs, LONGEST_AHEAD_MS));
      const chosen = choosePrefix(backend, this.kept.all, coming, readMs, this.#view, now);
      if (chosen) this.#begin(woken, chosen, readMs, now, effects);
    }
  }

  #begin(
    woken: Woken,
    chosen: Omit<PrefixRead, 'at'>,
    readMs: (tokens: number) => number,
    now: number,
    effects: PrefixEffects,
  ): void {
    const { endpoint, backend } = woken;
    const { id: link, tokens } = chosen.prefix.chain.at(-1) ?? { id: '', tokens: 0 };
    const read = readingOf(chosen, readMs(tokens), now);
    const { patienceMs } = read;
    endpoint.slots.isReading = true;
    woken.read = read;
    this.#daily.add(backend.name, now, { prefixReads: 1 });
    const at = { backend: backend.name, endpoint: endpoint.spec.id };
    effects.push({ type: 'prefix-read', ...at, link, readAt: now, patienceMs });
  }

  apply(
    event: PrefixEvent,
    backends: ReadonlyMap<string, Backend>,
    now: number,
    effects: PrefixEffects,
  ): void {
    if (event.type === 'prefixes-kept') {
      return this.kept.replace(event.prefixes);
    }
    const endpoint = backends.get(event.backend)?.endpoints.get(event.endpoint);
    const woken = endpoint && this.#woken.get(endpoint);
    if (!woken?.read || !woken.endpoint.slots.isReading || woken.read.at !== event.readAt) return;
    this.#daily.add(woken.backend.name, now, { prefixReadMs: event.tookMs });
    woken.endpoint.slots.isReading = false;
    if (!event.ok) return this.#book(woken, 'failed', now, effects, event.reason);
    woken.read.endedAt = now;
    if (woken.read.isBooked) this.#woken.delete(woken.endpoint);
    woken.endpoint.keptUp(now);
    woken.backend.caches.wasRead(woken.endpoint, woken.read.prefix.chain);
  }

  /** Before slots are granted: ends the reads that take too long, or a slot that others wait for. */
  review(backends: ReadonlyMap<string, Backend>, now: number, effects: PrefixEffects): void {
    for (const woken of this.#woken.values()) {
      const { backend, endpoint, read, warmSince } = woken;
      const isHere = backends.get(backend.name)?.endpoints.get(endpoint.spec.id) === endpoint;
      const isUp = endpoint.state === 'warm' && endpoint.warmSince === warmSince;
      if (!isHere || !isUp || !reads(backend)) this.#end(woken, now, effects);
      else if (read && endpoint.slots.isReading && this.#isOver(read, backend, now)) {
        this.#stop(woken, effects);
        this.#book(woken, 'failed', now, effects, 'calls waited, or it took too long');
      }
    }
  }

  /** The endpoint is not up any more, or reads nothing. */
  #end(woken: Woken, now: number, effects: PrefixEffects): void {
    const outcome = woken.endpoint.slots.isReading ? 'failed' : 'wasted';
    this.#stop(woken, effects);
    this.#book(woken, outcome, now, effects);
  }

  #isOver(read: Reading, backend: Backend, now: number): boolean {
    if (now >= endOf(read)) return true;
    const { next } = backend.queue;
    if (!next || backend.choice.hasFree(now)) return false;
    return now >= endForCalls(read) || !beginsWith(next, read.prefix);
  }

  /** The request of a read is not waited for any more; its slot is free. */
  #stop({ backend, endpoint, read }: Woken, effects: PrefixEffects): void {
    if (!endpoint.slots.isReading || !read) return;
    endpoint.slots.isReading = false;
    const at = { backend: backend.name, endpoint: endpoint.spec.id };
    effects.push({ type: 'prefix-stop', ...at, readAt: read.at });
  }

  /** The outcome of a read is known; only the first one counts. */
  #book(woken: Woken, outcome: ReadOutcome, now: number, effects: PrefixEffects, why = ''): void {
    const { backend, endpoint, read } = woken;
    if (!endpoint.slots.isReading) this.#woken.delete(endpoint);
    if (!read || read.isBooked) return;
    read.isBooked = true;
    const { prefix, at, probability, expectedMs } = read;
    const reason = why === '' ? read.reason : `${read.reason}: ${why}`;
    const spared = outcome === 'used' ? { prefixSparedMs: expectedMs } : {};
    this.#daily.add(backend.name, now, { [OUTCOMES[outcome]]: 1, ...spared });
    const where = { backend: backend.name, endpoint: endpoint.spec.id };
    effects.push({
      type: 'prefix-settled',
      ...where,
      read: { prefix, at, probability, reason },
      outcome,
    });
  }
}

const OUTCOMES = {
  used: 'prefixUsed',
  late: 'prefixLate',
  wasted: 'prefixWasted',
  failed: 'prefixFailed',
} as const;

function reads({ spec: { prewarm } }: Backend): boolean {
  return prewarm.prefix === true && prewarm.mode === 'on';
}

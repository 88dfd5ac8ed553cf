/**
 * The invariants of the lease protocol, checked on the reference's own records: which calls are at
 * which endpoint, counted at the endpoint and not in the object; how calls were reported to have
 * ended; and the rows in storage.
 */
import { expect } from 'vitest';
import type { ObjectHost } from './object-host.ts';
import type { Settings, WorkerCall } from './worker-call.ts';

const FLUSH_MS = 5_000;

/** Like `expect`, but cheap: `expect` takes longer than the rest of a step. */
function mustHold(fact: boolean, otherwise: () => string): void {
  if (!fact) throw new Error(otherwise());
}

export class LeaseReference {
  /** The configuration in force, as far as the operator knows. */
  settings: Settings = { slots: { a: 2 }, leaseMs: 6_000, policy: 'gittins' };
  /**
   * The time of each report of a call's end, by the number of tokens, which is unique to the call.
   */
  readonly told = new Map<number, number>();
  /** The time of the last jump of the clock, in elapsed ms. */
  calmSince = 0;
  /** The incarnation of the object in which an endpoint last failed or refused a call. */
  troubledIn = -1;
  readonly #host: ObjectHost;
  readonly #calls: ReadonlyMap<string, WorkerCall>;
  /** Paused endpoints, with the calls that have been there since before. */
  readonly #paused = new Map<string, ReadonlySet<string>>();
  readonly #mayBePaused = new Set<string>();
  /** Calls that an endpoint may have beyond its slots, from before its slots were changed. */
  readonly #limits = new Map<string, number>();

  constructor(host: ObjectHost, calls: ReadonlyMap<string, WorkerCall>) {
    this.#host = host;
    this.#calls = calls;
  }

  /** Records that the object has accepted a configuration. */
  configured(settings: Settings): void {
    for (const endpoint of this.#paused.keys()) {
      // An endpoint that is configured anew is a new one.
      if (!Object.hasOwn(settings.slots, endpoint)) this.#paused.delete(endpoint);
    }
    for (const [endpoint, holders] of this.#held(this.#leases())) {
      const now = this.settings.slots[endpoint] ?? 0;
      this.#limits.set(endpoint, Math.max(now, holders, this.#limits.get(endpoint) ?? 0));
    }
    this.settings = settings;
  }

  /**
   * The operator orders a pause of an endpoint, or its end. Undefined: until that is acknowledged, nobody
   * knows whether it holds. While it is paused, only calls that are there may stay there.
   */
  paused(endpoint: string, isPaused: boolean | undefined): void {
    this.#paused.delete(endpoint);
    if (isPaused === false) this.#mayBePaused.delete(endpoint);
    else this.#mayBePaused.add(endpoint);
    if (!isPaused) return;
    const there = [...this.#leases()].flatMap(([call, at]) => (at === endpoint ? [call] : []));
    this.#paused.set(endpoint, new Set(there));
  }

  /** Checks what must hold after each step. */
  check(): void {
    const leases = this.#leases();
    this.#checkPaused(leases);
    this.#checkEndpoints(this.#held(leases));
    this.#checkLeases(leases);
    this.#checkUse(leases);
  }

  /** A paused endpoint gets no call. */
  #checkPaused(leases: ReadonlyMap<string, string>): void {
    for (const [endpoint, stayed] of this.#paused) {
      const there = [...leases].flatMap(([call, at]) => (at === endpoint ? [call] : []));
      const news = there.filter((call) => !stayed.has(call));
      mustHold(news.length === 0, () => `${news} were sent to ${endpoint}, which is paused`);
      this.#paused.set(endpoint, new Set(there));
    }
  }

  /** No endpoint ever has more sequences than slots, as far as a call alone does not have more. */
  #checkEndpoints(held: ReadonlyMap<string, number>): void {
    const { elapsed } = this.#host;
    const there = new Map<string, string[]>();
    for (const { endpoint, leavesAt, request } of this.#calls.values()) {
      if (endpoint === undefined || leavesAt <= elapsed) continue;
      there.set(endpoint, [...(there.get(endpoint) ?? []), request.call.callId]);
    }
    for (const endpoint of new Set([...there.keys(), ...this.#limits.keys()])) {
      const slots = this.settings.slots[endpoint] ?? 0;
      const limit = Math.max(slots, this.#limits.get(endpoint) ?? 0);
      const ids = there.get(endpoint) ?? [];
      const inUse = ids.reduce((sum, id) => sum + this.#slotsOf(id), 0);
      const holds = inUse <= limit || ids.length === 1;
      mustHold(holds, () => `${ids} take ${inUse} at ${endpoint}, which has ${limit}`);
      this.#limits.set(endpoint, Math.min(limit, held.get(endpoint) ?? 0));
    }
  }

  /** Every running call has a lease in storage, where a restart finds it. */
  #checkLeases(leases: ReadonlyMap<string, string>): void {
    for (const { state, endpoint, request } of this.#calls.values()) {
      if (state !== 'running') continue;
      const { callId } = request.call;
      const stored = leases.get(callId);
      mustHold(stored === endpoint, () => `${callId} is at ${endpoint}, its lease ${stored}`);
    }
  }

  /**
   * No call waits while a slot is free, unless one waits that needs more. Not checked after a fault in this incarnation, because a
   * failing endpoint gets no calls.
   */
  #checkUse(leases: ReadonlyMap<string, string>): void {
    const { incarnation, failingWrites } = this.#host;
    if (failingWrites > 0 || this.troubledIn === incarnation) return;
    const waits = [...this.#calls.values()].find((c) => c.state === 'waiting');
    if (waits?.incarnation !== incarnation) return;
    const used = new Map<string, number>();
    for (const [callId, endpoint] of leases) {
      used.set(endpoint, (used.get(endpoint) ?? 0) + this.#slotsOf(callId));
    }
    // One that needs more than there are waits for the largest endpoint.
    const largest = Math.max(...Object.values(this.settings.slots));
    const needed = Math.min(this.#widest(leases), largest);
    for (const [endpoint, slots] of Object.entries(this.settings.slots)) {
      if (this.#mayBePaused.has(endpoint)) continue;
      const { callId } = waits.request.call;
      const free = slots - (used.get(endpoint) ?? 0);
      mustHold(free < needed, () => `${callId} waits, and ${free} of ${endpoint} are free`);
    }
  }

  /** The most slots that a call needs which may wait, as far as its Worker knows. */
  #widest(leases: ReadonlyMap<string, string>): number {
    let widest = 1;
    for (const [callId, { state, answer }] of this.#calls) {
      const isUnknown = state === 'over' && answer === 'unavailable';
      const mayWait = state === 'waiting' || state === 'asking' || isUnknown;
      if (mayWait && !leases.has(callId)) widest = Math.max(widest, this.#slotsOf(callId));
    }
    return widest;
  }

  #slotsOf(callId: string): number {
    return this.#calls.get(callId)?.request.call.sequences ?? 1;
  }

  /** Nothing is counted twice, and nothing older than a flush is lost. */
  checkStatistics(): void {
    const stored: number[] = [];
    for (const { record } of this.#host.rows('SELECT record FROM recorded')) {
      for (const unit of JSON.parse(String(record)).units) {
        for (const c of unit.calls) stored.push(c.output_tokens);
      }
    }
    for (const { snapshot } of this.#host.rows('SELECT snapshot FROM runs')) {
      for (const visit of JSON.parse(String(snapshot)).visits) {
        for (const c of visit.records) stored.push(c.output_tokens);
      }
    }
    const known = new Set(stored);
    mustHold(known.size === stored.length, () => `counted twice: ${stored}`);
    const { elapsed, failedAt } = this.#host;
    const flushedAt = elapsed - FLUSH_MS - 1;
    // A failed write is tried again one flush later.
    if (failedAt >= flushedAt) return;
    for (const [tokens, at] of this.told) {
      if (at <= this.calmSince || at >= flushedAt) continue;
      mustHold(known.has(tokens), () => `${tokens}, told at ${at}, is not stored at ${elapsed}`);
    }
  }

  /** Checks the end: no call waits or runs, and nothing is stored of calls and runs in flight. */
  checkRest(status: unknown, graphs: { applications: ReadonlyArray<{ runs: number }> }): void {
    const idle = { waiting: 0, running: 0 };
    const known = Object.keys(this.settings.slots).length > 0;
    expect(status).toMatchObject({ runs_in_flight: 0, backends: known ? { m: idle } : {} });
    if (!known) expect(status).not.toHaveProperty('backends.m');
    for (const { request, answer } of this.#calls.values()) {
      expect(answer, `the answer to ${request.call.callId}`).toBeDefined();
    }
    expect(this.#host.rows('SELECT * FROM leases')).toEqual([]);
    expect(this.#host.rows('SELECT * FROM runs')).toEqual([]);
    this.checkStatistics();
    const [{ learned = 0 } = {}] = this.#host.rows('SELECT SUM(learned) AS learned FROM recorded');
    const inMemory = graphs.applications.reduce((sum, app) => sum + app.runs, 0);
    expect(inMemory, 'runs in the graphs, and stored ones').toBe(learned ?? 0);
  }

  isLeased(callId: string): boolean {
    return this.#leases().has(callId);
  }

  /** The endpoint of each lease in storage, by call. */
  #leases(): Map<string, string> {
    const rows = this.#host.rows('SELECT call_id, endpoint FROM leases');
    return new Map(rows.map((row) => [String(row.call_id), String(row.endpoint)]));
  }

  /** The slots in use by endpoint of calls that are at the endpoint or may still get there. */
  #held(leases: ReadonlyMap<string, string>): Map<string, number> {
    const held = new Map<string, number>();
    for (const [callId, endpoint] of leases) {
      const call = this.#calls.get(callId);
      if (call?.state === 'over' && call.leavesAt <= this.#host.elapsed) continue;
      held.set(endpoint, (held.get(endpoint) ?? 0) + this.#slotsOf(callId));
    }
    return held;
  }
}

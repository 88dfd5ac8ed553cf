/**
 * The invariants of loans, checked on the world's own records: which calls are at which endpoint,
 * counted there and not in the object; what isolates have heard; and the rows in storage.
 */
import { expect } from 'vitest';
import { LoanCounts } from './loan-counts.ts';
import type { CallFields, Heard, LoanCall, ModelIsolate } from './loan-isolate.ts';
import type { LoanNetwork } from './loan-network.ts';
import { LoanRecalls } from './loan-recalls.ts';
import { LoanRowWatch } from './loan-row-watch.ts';
import type { LoanSettings } from './loan-settings.ts';
import type { ObjectHost } from './object-host.ts';

/** No call begins where nothing was heard of the object for so long, ms. */
const HEARD_WITHIN_MS = 3_000;
/** An isolate that is mute for longer may lose its slots, ms: less than a loan's silence. */
const MUTE_MS = 2_000;
/** A slot that is lent comes to a call that waits within so long, ms: some round trips. */
const RECALLED_WITHIN_MS = 200;

/** Rounds of calls after which an endpoint is trusted with all of its slots again. */
const MOST_HEALING = 20;

function mustHold(fact: boolean, otherwise: () => string): void {
  if (!fact) throw new Error(otherwise());
}

/** The part of the world that is watched here. */
interface World {
  readonly host: ObjectHost;
  readonly network: LoanNetwork;
  readonly calls: readonly LoanCall[];
  readonly settings: LoanSettings;
  readonly isolates: readonly ModelIsolate[];
  isolate(n: number): ModelIsolate;
  submit(isolate: ModelIsolate, fields: CallFields): LoanCall;
  pass(ms: number): Promise<void>;
}

export class LoanReference {
  /** An endpoint has failed a call. */
  isTroubled = false;
  /** Nothing has died, got lost or changed: every call is counted, and none waits beside a free slot. */
  isCalm = true;
  readonly rows: LoanRowWatch;
  readonly recalls: LoanRecalls;
  readonly counts: LoanCounts;
  readonly #world: World;
  /** Calls that an endpoint may have beyond its slots, from before its slots were changed. */
  readonly #limits = new Map<string, number>();
  /** Since when a slot has been free while a call waits, in elapsed ms. */
  #starvedSince = Infinity;
  #failure: unknown;
  /** Calls that began on borrowed slots. */
  borrowed = 0;

  constructor(world: World) {
    this.#world = world;
    this.recalls = new LoanRecalls(world);
    const { recalls } = this;
    const { host, calls } = world;
    this.rows = new LoanRowWatch({ host, calls, recalls, settings: () => world.settings });
    this.counts = new LoanCounts(world);
  }

  /** The tenant was deleted: what it has granted is not known to the next one. */
  deleted(): void {
    this.counts.deleted();
    this.rows.deleted();
    this.#limits.clear();
    for (const call of this.#world.calls) call.isExcused = true;
    for (const { heard } of this.#world.isolates) {
      for (const loan of heard.values()) loan.isOfDeleted = true;
    }
  }

  /** The object's clock jumps, by which waits may be over. */
  jumped(): void {
    this.rows.jumped();
    this.isTroubled = true;
  }

  /** Something that must never happen did. */
  failed(error: unknown): void {
    this.#failure ??= error;
  }

  configured(settings: LoanSettings): void {
    if (settings.cold) this.isTroubled = true;
    const held = this.#held();
    for (const endpoint of new Set([...held.keys(), ...Object.keys(this.#world.settings.slots)])) {
      const slots = this.#world.settings.slots[endpoint] ?? 0;
      const before = Math.max(slots, held.get(endpoint) ?? 0, this.#limits.get(endpoint) ?? 0);
      this.#limits.set(endpoint, before);
    }
    for (const [endpoint, slots] of Object.entries(settings.slots)) {
      this.#limits.set(endpoint, Math.max(slots, this.#limits.get(endpoint) ?? 0));
    }
  }

  /** A call begins on a slot of its isolate. */
  begins(call: LoanCall, loan: Heard): void {
    const { elapsed } = this.#world.host;
    const { callId } = call.request.call;
    this.borrowed += 1;
    this.recalls.begins(call, loan);
    mustHold(!loan.isRecalled, () => `${callId} begins on a loan that is recalled`);
    const silentMs = elapsed - loan.at;
    mustHold(
      silentMs <= HEARD_WITHIN_MS + loan.slackMs,
      () => `${callId} begins ${silentMs} ms after the last word`,
    );
    // Where the clock of its isolate has hidden the silence, the object may have the slot back.
    if (loan.isOfDeleted || silentMs > HEARD_WITHIN_MS) call.isExcused = true;
    mustHold(call.request.version === loan.version, () => `${callId} is of another version`);
  }

  /** A call got a slot from the object, so that those which wait are not starved by loans. */
  granted(): void {
    this.#starvedSince = Infinity;
  }

  /** Checks what must hold after each step. */
  check(): void {
    this.#failure ??= this.counts.failure;
    if (this.#failure !== undefined) throw this.#failure;
    this.checkEndpoints();
    for (const [endpoint, limit] of this.#limits) {
      const slots = this.#world.settings.slots[endpoint] ?? 0;
      this.#limits.set(endpoint, Math.max(slots, Math.min(limit, this.#held().get(endpoint) ?? 0)));
    }
  }

  /** No endpoint has more calls than slots, but for those of isolates that were mute for long. */
  checkEndpoints(): void {
    this.rows.check();
    const { calls, host, settings } = this.#world;
    const there = new Map<string, string[]>();
    for (const call of calls) {
      const { endpoint, leavesAt, isolate, request } = call;
      if (endpoint === undefined || leavesAt <= host.elapsed) continue;
      if (host.elapsed - isolate.muteSince > MUTE_MS) call.isExcused = true;
      if (call.isExcused) continue;
      there.set(endpoint, [...(there.get(endpoint) ?? []), request.call.callId]);
    }
    for (const [endpoint, ids] of there) {
      const limit = Math.max(settings.slots[endpoint] ?? 0, this.#limits.get(endpoint) ?? 0);
      mustHold(ids.length <= limit, () => `${ids} are at ${endpoint}, which has ${limit} slots`);
    }
    this.#checkWaits(there);
  }

  /** No call waits beside a lent slot for longer than it takes to call that back. */
  #checkWaits(there: ReadonlyMap<string, readonly string[]>): void {
    const { calls, host, settings } = this.#world;
    const waits = calls.find(
      (c) => c.state === 'asking' && host.elapsed - c.askedAt > RECALLED_WITHIN_MS,
    );
    const isFree = Object.entries(settings.slots).some(
      ([endpoint, slots]) =>
        (there.get(endpoint)?.length ?? 0) < slots && !this.rows.isPaused(endpoint),
    );
    if (!waits || !isFree || !this.isCalm || this.isTroubled) this.#starvedSince = Infinity;
    else this.#starvedSince = Math.min(this.#starvedSince, host.elapsed);
    const starvedMs = host.elapsed - this.#starvedSince;
    mustHold(
      !(starvedMs > RECALLED_WITHIN_MS),
      () => `${waits?.request.call.callId} waits for ${starvedMs} ms beside a free slot`,
    );
  }

  /** Checks the end: every call has an answer, nothing is held, and all is counted. */
  async checkRest(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const { calls, host, network, settings } = this.#world;
    for (const { request, answer } of calls) {
      expect(answer, `the answer to ${request.call.callId}`).toBeDefined();
    }
    expect(host.rows('SELECT * FROM loans')).toEqual([]);
    expect(host.rows('SELECT * FROM leases')).toEqual([]);
    const status = await network.answerOf((object) => object.view('status'));
    const known = Object.keys(settings.slots).length > 0;
    const idle = { waiting: 0, running: 0 };
    expect(JSON.parse(status ?? '{}')).toMatchObject({ backends: known ? { m: idle } : {} });
    await this.counts.check();
    if (known && !settings.revoked) await this.#checkFree();
  }

  /**
   * All slots are free: as many calls as there are slots begin at once. Where an endpoint has shown
   * trouble, others are served before.
   */
  async #checkFree(): Promise<void> {
    const world = this.#world;
    const slots = Object.values(world.settings.slots).reduce((sum, n) => sum + n, 0);
    const served = async (takesMs: number, waitMs: number) => {
      const fields = { takesMs, isPlain: true };
      const probes = Array.from({ length: slots }, () => world.submit(world.isolate(0), fields));
      await world.pass(waitMs);
      return probes.filter((c) => c.state === 'running').length;
    };
    for (let i = 0; this.isTroubled && i < MOST_HEALING; i += 1) {
      // So long that every endpoint is woken for them, and so short that none goes cold after.
      await served(2_000, 10_000);
      if ((await served(1_000, 200)) === slots) return;
      await world.pass(30_000);
    }
    const begun = await served(1_000, 200);
    mustHold(begun === slots, () => `${begun} of ${slots} slots are free`);
    await world.pass(2_000);
  }

  /** Slots by endpoint that calls and loans hold in storage. */
  #held(): Map<string, number> {
    const { host } = this.#world;
    const held = new Map<string, number>();
    const add = (endpoint: unknown, n: number) =>
      held.set(String(endpoint), (held.get(String(endpoint)) ?? 0) + n);
    for (const { endpoint } of host.rows('SELECT endpoint FROM leases')) add(endpoint, 1);
    for (const { endpoint, slots } of host.rows('SELECT endpoint, slots FROM loans')) {
      add(endpoint, Number(slots));
    }
    return held;
  }
}

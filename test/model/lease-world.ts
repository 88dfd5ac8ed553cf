/**
 * A tenant's object among Workers that do all that Workers do: ask, wait, run calls at endpoints,
 * renew, report, die with and without a word, lose answers, say things twice and late. Beside it the
 * reference: who may be at which endpoint, and what was told of how a call ended. Counted at the
 * endpoints, not in the object.
 */
import { expect } from 'vitest';
import type { Ticket } from '../../durable-objects/ticket.ts';
import type { CallResult, EnqueueRequest, Grant, Refusal } from '../../src/protocol.ts';
import { ObjectHost } from './object-host.ts';

/** A cancellation reaches the endpoint later than the Worker's end is known, but no later than this. */
const CANCEL_MS = 19;
const CANCEL_GRACE_MS = 20;
const FLUSH_MS = 5_000;
const MAX_TRIES = 6;
const LONGEST_LEASE_MS = 9_000;

export interface Settings {
  readonly slots: Readonly<Record<string, number>>;
  readonly leaseMs: number;
  readonly policy: string;
}

export interface WorkerCall {
  readonly request: EnqueueRequest;
  state: 'asking' | 'waiting' | 'running' | 'over';
  ticket: Ticket | undefined;
  /** In which life of the object the ticket was given. */
  incarnation: number;
  tries: number;
  endpoint: string | undefined;
  /** When the endpoint has the call no more, in elapsed ms. */
  leavesAt: number;
  /** Until when the slot is held as far as the Worker can know. */
  heldUntil: number;
  /** Its words do not reach the object. */
  mute: boolean;
  /** How its wait ended. */
  answer: 'granted' | 'refused' | 'unavailable' | undefined;
}

interface Plan {
  readonly at: number;
  readonly act: () => Promise<void>;
}

const keys = [{ id: 'k', sha256: 'a'.repeat(64) }];

export class LeaseWorld {
  readonly host = new ObjectHost();
  readonly calls = new Map<string, WorkerCall>();
  settings: Settings = { slots: { a: 2 }, leaseMs: 6_000, policy: 'gittins' };
  /** The next event of the object is its last: it dies before that is durable. */
  dyingNext = false;
  /** What reports told, by the number of tokens, which is a call's own; when, in elapsed ms. */
  readonly told = new Map<number, { at: number; incarnation: number }>();
  /** Since when neither the clock jumped nor a write failed. */
  calmSince = 0;
  #plans: Plan[] = [];
  #limits = new Map<string, number>();
  #tokens = 0;
  #mayJumpAt = 0;

  async configure(settings: Settings): Promise<void> {
    const endpoints = Object.entries(settings.slots).map(([name, slots]) => ({
      name,
      url: `http://127.0.0.1:9/${name}`,
      slots,
    }));
    const backends = {
      m: { models: ['m'], endpoints, queue: { depth: 6, maxWaitMs: 40_000 } },
    };
    const { leaseMs, policy } = settings;
    const config = JSON.stringify({ backends, leaseMs, policy, runSilenceMs: 8_000, keys });
    const done = await this.#event((object) => object.putConfig(config));
    if (!done.ok) return;
    const held = this.#held();
    for (const [endpoint, holders] of held) {
      const now = this.settings.slots[endpoint] ?? 0;
      this.#limits.set(endpoint, Math.max(now, holders, this.#limits.get(endpoint) ?? 0));
    }
    this.settings = settings;
  }

  /** A new call of a Worker of its own. */
  async submit(callId: string, fields: Partial<EnqueueRequest['call']>): Promise<void> {
    const request: EnqueueRequest = {
      keyId: 'k',
      version: 0,
      call: {
        callId,
        runId: callId,
        app: 'app',
        unit: 'unit',
        backend: 'm',
        kind: 'llm',
        inputTokens: 10,
        arrivedAt: this.host.wall,
        final: false,
        ...fields,
      },
    };
    const call: WorkerCall = {
      request,
      state: 'asking',
      ticket: undefined,
      incarnation: -1,
      tries: 0,
      endpoint: undefined,
      leavesAt: Infinity,
      heldUntil: Infinity,
      mute: false,
      answer: undefined,
    };
    this.calls.set(callId, call);
    await this.#ask(call, false);
  }

  /** The Worker asks again though it has lost nothing; or its answer is lost on the way. */
  async askAgain(call: WorkerCall, answerLost: boolean): Promise<void> {
    if (call.state !== 'asking' && call.state !== 'waiting') return;
    const old = call.ticket;
    const { incarnation } = call;
    await this.#ask(call, answerLost);
    // The runtime tells of the old ticket's end when it pleases: here, after the new one was given.
    if (old && incarnation === this.host.incarnation) await this.#dispose(old);
  }

  /** The endpoint has answered. */
  async report(call: WorkerCall, fields: Partial<CallResult>): Promise<void> {
    if (call.state !== 'running') return;
    call.leavesAt = this.host.elapsed;
    await this.#report(call, fields);
  }

  /** A word that comes late or again, of a call whatever its state. */
  async repeat(call: WorkerCall, what: 'report' | 'cancel' | 'renew'): Promise<void> {
    const { callId } = call.request.call;
    const over = call.state === 'over' && call.leavesAt <= this.host.elapsed;
    if (what === 'renew') await this.#event((object) => object.renew(callId));
    else if (!over) return;
    else if (what === 'cancel') await this.#event((object) => object.cancel(callId));
    else await this.#event((object) => object.settle(callId, this.#result({})));
  }

  /** The client leaves, and the Worker says so. */
  async leave(call: WorkerCall): Promise<void> {
    const { callId } = call.request.call;
    if (call.state === 'over') return;
    if (call.state === 'running') {
      call.leavesAt = Math.min(call.leavesAt, this.host.elapsed + CANCEL_MS);
      call.state = 'over';
      const report = () => this.#report(call, { outcome: 'cancelled' });
      this.#plan(CANCEL_GRACE_MS, report);
      return;
    }
    call.state = 'over';
    call.answer = 'unavailable';
    if (call.ticket && this.#isLive(call)) await this.#dispose(call.ticket);
    await this.#reliably((object) => object.cancel(callId));
  }

  /** The Worker dies, and the runtime disposes of its ticket. */
  async die(call: WorkerCall): Promise<void> {
    if (call.state === 'over') return;
    call.leavesAt = Math.min(call.leavesAt, this.host.elapsed + CANCEL_MS);
    call.state = 'over';
    call.answer ??= 'unavailable';
    if (call.ticket && this.#isLive(call)) await this.#dispose(call.ticket);
  }

  /** The Worker is gone and nobody hears of it. */
  vanish(call: WorkerCall): void {
    if (call.state === 'over') return;
    call.leavesAt = Math.min(call.leavesAt, this.host.elapsed);
    call.state = 'over';
    call.answer ??= 'unavailable';
  }

  /** The object's process dies; Workers live on. */
  async restart(): Promise<void> {
    this.host.die();
    await this.#cutAll();
  }

  /**
   * The clock leaps; once in the time in which each Worker renews its lease, and not while one cannot
   * or its renewals are not stored: who is not heard just then cannot be told from the dead.
   */
  jump(ms: number): void {
    const { elapsed, failedAt } = this.host;
    if (elapsed < Math.max(this.#mayJumpAt, failedAt + LONGEST_LEASE_MS / 2)) return;
    if ([...this.calls.values()].some((c) => c.mute && c.state === 'running')) return;
    this.#mayJumpAt = elapsed + LONGEST_LEASE_MS / 2;
    this.host.skewMs += ms;
    this.calmSince = this.host.elapsed;
  }

  /** The object hears the Worker no more, or again. Not just after a leap of the clock. */
  mute(call: WorkerCall, mute: boolean): void {
    if (mute && this.host.elapsed < this.#mayJumpAt) return;
    if (call.mute) this.#mayJumpAt = this.host.elapsed + LONGEST_LEASE_MS / 2;
    call.mute = mute;
  }

  failWrites(count: number): void {
    this.host.failingWrites = count;
    this.calmSince = this.host.elapsed;
  }

  finish(runId: string): Promise<unknown> {
    return this.#event((object) => object.runEvent({ type: 'run-finished', runId }, 0, false));
  }

  async pass(ms: number): Promise<void> {
    const { host } = this;
    const until = host.elapsed + ms;
    for (let turns = 0; ; turns += 1) {
      if (turns > 5_000) throw new Error('the object rings without end');
      const planned = Math.min(...this.#plans.map((p) => p.at));
      const next = Math.min(until, host.dueAt, planned);
      host.elapsed = Math.max(host.elapsed, next);
      const due = this.#plans.filter((p) => p.at <= host.elapsed);
      this.#plans = this.#plans.filter((p) => p.at > host.elapsed);
      for (const plan of due) await plan.act();
      if (host.dueAt <= host.elapsed) await host.ring();
      if (host.elapsed >= until && host.dueAt > host.elapsed && due.length === 0) return;
    }
  }

  /** What must hold after each step. */
  check(): void {
    const { elapsed, failingWrites } = this.host;
    const rows = new Map<unknown, unknown>(
      this.host.rows('SELECT call_id, endpoint FROM leases').map((r) => [r.call_id, r.endpoint]),
    );
    const held = this.#held();
    const endpoints = new Set([...Object.keys(this.settings.slots), ...this.#limits.keys()]);
    for (const endpoint of endpoints) {
      const slots = this.settings.slots[endpoint] ?? 0;
      const limit = Math.max(slots, this.#limits.get(endpoint) ?? 0);
      const there = [...this.calls.values()].filter(
        (c) => c.endpoint === endpoint && c.leavesAt > elapsed,
      );
      const ids = there.map((c) => c.request.call.callId);
      expect(ids.length, `${ids} at ${endpoint}, which has ${limit}`).toBeLessThanOrEqual(limit);
      this.#limits.set(endpoint, Math.min(limit, held.get(endpoint) ?? 0));
    }
    for (const call of this.calls.values()) {
      if (call.state !== 'running') continue;
      const { callId } = call.request.call;
      expect(rows.get(callId), `the lease of ${callId}`).toBe(call.endpoint);
    }
    expect(failingWrites).toBeGreaterThanOrEqual(0);
  }

  /** Left alone, all ends: every wait has an answer, every lease its end, and storage is even. */
  async rest(): Promise<void> {
    this.host.failingWrites = 0;
    this.dyingNext = false;
    for (let i = 0; i < 200; i += 1) {
      for (const call of this.calls.values()) await this.report(call, {});
      await this.pass(1_000);
      this.check();
      if ([...this.calls.values()].every((c) => c.state === 'over') && i > 30) break;
    }
    for (const call of this.calls.values()) {
      expect(call.answer, `the answer to ${call.request.call.callId}`).toBeDefined();
    }
    // The longest silence that is learned of an application.
    await this.pass(1_000_000);
    const done = await this.#event((object) => object.view('status'));
    const status = JSON.parse((done.ok && done.value) || '{}');
    expect(status).toMatchObject({
      runs_in_flight: 0,
      backends: { m: { waiting: 0, running: 0 } },
    });
    expect(this.host.rows('SELECT * FROM leases')).toEqual([]);
    expect(this.host.rows('SELECT * FROM runs')).toEqual([]);
    this.checkStatistics();
  }

  /** Nothing is counted twice, and nothing older than a flush is lost. */
  checkStatistics(): void {
    const stored: number[] = [];
    for (const { record } of this.host.rows('SELECT record FROM recorded')) {
      for (const unit of JSON.parse(String(record)).units) {
        for (const c of unit.calls) stored.push(c.output_tokens);
      }
    }
    for (const { snapshot } of this.host.rows('SELECT snapshot FROM runs')) {
      for (const visit of JSON.parse(String(snapshot)).visits) {
        for (const c of visit.records) stored.push(c.output_tokens);
      }
    }
    expect(new Set(stored).size, `counted twice: ${stored}`).toBe(stored.length);
    const { elapsed } = this.host;
    for (const [tokens, { at }] of this.told) {
      if (at > this.calmSince && at < elapsed - FLUSH_MS - 1) {
        expect(stored, `learned at ${at}, now ${elapsed}`).toContain(tokens);
      }
    }
  }

  /** By endpoint, the leases of calls that are there or may still go there. */
  #held(): Map<string, number> {
    const held = new Map<string, number>();
    for (const { call_id, endpoint } of this.host.rows('SELECT call_id, endpoint FROM leases')) {
      const call = this.calls.get(String(call_id));
      if (call?.state === 'over' && call.leavesAt <= this.host.elapsed) continue;
      held.set(String(endpoint), (held.get(String(endpoint)) ?? 0) + 1);
    }
    return held;
  }

  async #ask(call: WorkerCall, answerLost: boolean): Promise<void> {
    call.tries += 1;
    const { incarnation } = this.host;
    const done = await this.#event((object) => object.enqueue(call.request));
    if (call.state === 'over') return;
    if (!done.ok || answerLost) {
      const ticket = done.ok && 'ticket' in done.value ? done.value.ticket : undefined;
      // Nobody has the ticket: the runtime disposes of it, sooner or later.
      if (ticket) this.#plan(30, () => this.#disposeIn(ticket, incarnation));
      return this.#cut(call);
    }
    const answer = done.value;
    call.incarnation = incarnation;
    call.ticket = 'ticket' in answer ? answer.ticket : undefined;
    if (answer.status !== 'queued') return this.#answered(call, answer);
    call.state = 'waiting';
    const { ticket } = call;
    if (!ticket) throw new Error('queued without a ticket');
    await this.#event(async () => {
      this.host.deliver(
        ticket.granted(),
        (given) => {
          if (call.ticket === ticket && call.state === 'waiting') this.#answered(call, given);
        },
        () => {
          if (call.ticket === ticket && call.state === 'waiting') this.#cut(call);
        },
      );
    });
  }

  #answered(call: WorkerCall, answer: Grant | Refusal): void {
    call.answer = answer.status;
    if (answer.status === 'refused') {
      call.state = 'over';
      return;
    }
    call.state = 'running';
    call.endpoint = answer.endpoint;
    this.#keep(call, answer.leaseMs);
    this.#renewLater(call, answer.leaseMs);
  }

  /** The Worker may count on its slot for so long from now on, and not beyond. */
  #keep(call: WorkerCall, leaseMs: number): void {
    const until = this.host.elapsed + leaseMs;
    call.heldUntil = until;
    this.#plan(leaseMs, async () => {
      if (call.state !== 'running' || call.heldUntil !== until) return;
      // Others may get the slot from now on: what still runs there is cut off.
      call.leavesAt = this.host.elapsed;
      await this.#report(call, { outcome: 'failed' });
    });
  }

  #renewLater(call: WorkerCall, leaseMs: number): void {
    this.#plan(leaseMs / 3, async () => {
      if (call.state !== 'running') return;
      this.#renewLater(call, leaseMs);
      if (call.mute) return;
      const { callId } = call.request.call;
      const told = await this.#reliably((object) => object.renew(callId));
      if (told && call.state === 'running') this.#keep(call, leaseMs);
    });
  }

  async #report(call: WorkerCall, fields: Partial<CallResult>): Promise<void> {
    call.state = 'over';
    const { callId } = call.request.call;
    const result = this.#result(fields);
    const at = this.host.elapsed;
    const leased = () =>
      this.host.rows('SELECT call_id FROM leases').some((r) => r.call_id === callId);
    let held = leased();
    if (call.mute) return;
    const { ticket } = call;
    const told =
      (ticket && this.#isLive(call) && (await this.#event(() => ticket.report(result))).ok) ||
      (await this.#reliably((object) => {
        held = leased();
        return object.settle(callId, result);
      }));
    if (told && held && result.outcome === 'ok') {
      this.told.set(result.outputTokens ?? 0, { at, incarnation: this.host.incarnation });
    }
  }

  #result(fields: Partial<CallResult>): CallResult {
    this.#tokens += 1;
    return {
      outcome: 'ok',
      endpointFault: false,
      cold: false,
      inputTokens: 10,
      outputTokens: this.#tokens,
      serviceMs: 10,
      ...fields,
    };
  }

  #cut(call: WorkerCall): void {
    call.state = 'asking';
    call.ticket = undefined;
    if (call.tries >= MAX_TRIES) {
      call.state = 'over';
      call.answer = 'unavailable';
      return;
    }
    this.#plan(call.tries * 40, async () => {
      if (call.state === 'asking') await this.#ask(call, false);
    });
  }

  async #cutAll(): Promise<void> {
    this.checkStatistics();
    // What was learned and lost is lost: only what comes now is asked for again.
    this.told.clear();
    for (const call of this.calls.values()) if (call.state === 'waiting') this.#cut(call);
  }

  async #reliably(act: Parameters<ObjectHost['event']>[0]): Promise<boolean> {
    for (let i = 0; i < 3; i += 1) if ((await this.#event(act)).ok) return true;
    return false;
  }

  #dispose(ticket: Ticket): Promise<unknown> {
    return this.#event(async () => ticket[Symbol.dispose]());
  }

  async #disposeIn(ticket: Ticket, incarnation: number): Promise<void> {
    if (incarnation === this.host.incarnation) await this.#dispose(ticket);
  }

  #isLive(call: WorkerCall): boolean {
    return call.incarnation === this.host.incarnation;
  }

  async #event<T>(act: Parameters<typeof this.host.event<T>>[0]) {
    const dies = this.dyingNext;
    this.dyingNext = false;
    const done = await this.host.event(act, dies);
    if (dies) await this.#cutAll();
    return done;
  }

  #plan(afterMs: number, act: () => Promise<void>): void {
    this.#plans.push({ at: this.host.elapsed + afterMs, act });
  }
}

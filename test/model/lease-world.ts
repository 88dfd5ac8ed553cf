/**
 * The world of the model: a tenant's object and Workers that do all that real Workers do. They ask,
 * wait, run calls at endpoints, renew, report, retry, die with and without notice, lose answers,
 * and send messages twice and late.
 */
import type { TenantObject } from '../../durable-objects/tenant/tenant.ts';
import type { Ticket } from '../../durable-objects/tenant/ticket.ts';
import type { CallResult, EnqueueRequest, Grant, Refusal } from '../../src/protocol/admission.ts';
import type { EndpointOrder } from '../../src/protocol/steering.ts';
import { LeaseReference } from './lease-reference.ts';
import { ObjectHost } from './object-host.ts';
import { configOf, newCall, type Settings, type WorkerCall } from './worker-call.ts';

/**
 * A cancellation reaches the endpoint this long after the Worker's end; the Worker reports the
 * cancelled call only after CANCEL_GRACE_MS.
 */
const CANCEL_MS = 19;
const CANCEL_GRACE_MS = 20;
const MAX_TRIES = 6;
const LONGEST_LEASE_MS = 9_000;

interface Plan {
  readonly at: number;
  readonly act: () => Promise<void>;
}

export class LeaseWorld {
  readonly host = new ObjectHost();
  readonly calls = new Map<string, WorkerCall>();
  readonly reference = new LeaseReference(this.host, this.calls);
  /**
   * Makes the next event of the object its last: the process dies before its writes are durable.
   */
  dyingNext = false;
  #plans: Plan[] = [];
  #tokens = 0;
  #mayJumpAt = 0;

  /** The call number n of those in one of these states, counting around. */
  pick(n: number, states: ReadonlyArray<WorkerCall['state']>): WorkerCall | undefined {
    const fitting = [...this.calls.values()].filter((c) => states.includes(c.state));
    return fitting[n % fitting.length];
  }

  async configure(settings: Settings): Promise<void> {
    const config = configOf(settings);
    const done = await this.#event((object) => object.putConfig(config));
    if (done.ok) this.reference.configured(settings);
  }

  /** Submits a new call from a Worker of its own. */
  async submit(fields: Partial<EnqueueRequest['call']>): Promise<void> {
    const callId = `c${this.calls.size}`;
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
    const call = newCall(request);
    this.calls.set(callId, call);
    await this.#ask(call, false);
  }

  /**
   * The Worker's wait is cut off and it asks again; with `answerLost` that answer is lost as well.
   */
  async askAgain(call: WorkerCall, answerLost: boolean): Promise<void> {
    if (call.state !== 'asking' && call.state !== 'waiting') return;
    const old = call.ticket;
    const { incarnation } = call;
    // The result of the old wait is ignored from here on.
    call.state = 'asking';
    call.ticket = undefined;
    await this.#ask(call, answerLost);
    // The runtime may report the end of the old ticket at any time: here, after the new one was
    // given.
    if (old && incarnation === this.host.incarnation) await this.#dispose(old);
  }

  /** The endpoint has answered the call. */
  async report(call: WorkerCall, fields: Partial<CallResult>): Promise<void> {
    if (call.state !== 'running') return;
    call.leavesAt = this.host.elapsed;
    await this.#report(call, fields);
  }

  /**
   * The endpoint refused the call, or failed before the client had received a byte of the answer.
   */
  async again(call: WorkerCall, fields: Partial<CallResult>): Promise<void> {
    if (call.state !== 'running') return;
    const { ticket, mute } = call;
    if (mute) return this.report(call, fields);
    call.leavesAt = this.host.elapsed;
    call.heldUntil = Infinity;
    call.state = 'asking';
    const result = this.#result({ outcome: 'failed', ...fields });
    const { callId } = call.request.call;
    const live = this.#isLive(call) ? ticket : undefined;
    const told = live && (await this.#event(() => live.again(result)));
    let goesOn = told?.ok ? told.value : undefined;
    const holds = goesOn;
    // If the object died, the Worker does not know whether it received the message.
    goesOn ??= await this.#asked((object) => object.again(callId, result));
    this.reference.troubledIn = this.host.incarnation;
    if (!goesOn) {
      call.state = 'over';
      return;
    }
    call.answer = undefined;
    call.endpoint = undefined;
    call.leavesAt = Infinity;
    call.tries = 1;
    if (holds && ticket) await this.#wait(call, ticket);
    else await this.#ask(call, false);
  }

  /** A message that arrives late or a second time, for a call in any state. */
  async repeat(call: WorkerCall, what: 'report' | 'again' | 'cancel' | 'renew'): Promise<void> {
    const { callId } = call.request.call;
    if (what === 'renew') await this.#event((object) => object.renew(callId));
    // These messages end a call, so none of them is sent before its Worker is done with it.
    if (call.state !== 'over' || call.leavesAt > this.host.elapsed) return;
    const failed = this.#result({ outcome: 'failed', endpointFault: true });
    if (what === 'cancel') await this.#event((object) => object.cancel(callId));
    if (what === 'report') await this.#event((object) => object.settle(callId, this.#result({})));
    if (what === 'again') {
      await this.#event((object) => object.again(callId, failed));
      this.reference.troubledIn = this.host.incarnation;
    }
  }

  /** The client disconnects, and the Worker reports it. */
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

  /** The Worker dies and the object is not told. */
  vanish(call: WorkerCall): void {
    if (call.state === 'over') return;
    call.leavesAt = Math.min(call.leavesAt, this.host.elapsed);
    call.state = 'over';
    call.answer ??= 'unavailable';
  }

  /** The object's process dies, while Workers keep running. */
  async restart(): Promise<void> {
    this.host.die();
    await this.#cutAll();
  }

  /**
   * The clock jumps; at most once in the time in which each Worker renews its lease, and not while
   * a Worker cannot renew or its renewals are not stored, because the object could not tell such a
   * Worker from a dead one.
   */
  jump(ms: number): boolean {
    const { elapsed, failedAt } = this.host;
    if (elapsed < Math.max(this.#mayJumpAt, failedAt + LONGEST_LEASE_MS / 2)) return false;
    for (const { mute, endpoint, leavesAt } of this.calls.values()) {
      if (mute && endpoint !== undefined && leavesAt > elapsed) return false;
    }
    this.#mayJumpAt = elapsed + LONGEST_LEASE_MS / 2;
    this.host.skewMs += ms;
    this.reference.calmSince = elapsed;
    return true;
  }

  /**
   * Stops the Worker's messages from reaching the object, or lets them through again. Not shortly
   * after a jump of the clock, and not while its last renewal may be unstored: a restart would take
   * its lease for an older one.
   */
  mute(call: WorkerCall): boolean {
    const { elapsed, failedAt } = this.host;
    const since = Math.max(this.#mayJumpAt, failedAt + LONGEST_LEASE_MS / 2);
    if (!call.mute && elapsed < since) return false;
    if (call.mute) this.#mayJumpAt = elapsed + LONGEST_LEASE_MS / 2;
    call.mute = !call.mute;
    return true;
  }

  /** Makes `count` writes fail after `after` successful ones, so also in the middle of a batch. */
  failWrites(count: number, after: number): void {
    this.host.failingWrites = count;
    this.host.writesBefore = after;
  }

  /** The operator orders an endpoint to do something. */
  async order(endpoint: string, order: EndpointOrder): Promise<void> {
    const steer = { type: 'endpoint', backend: 'm', endpoint, order } as const;
    if (order === 'wake') {
      await this.#event((object) => object.steer(steer, 'operator'));
      return;
    }
    this.reference.paused(endpoint, undefined);
    const done = await this.#event((object) => object.steer(steer, 'operator'));
    const isKnown = done.ok && done.value.status === 'ordered';
    if (isKnown) this.reference.paused(endpoint, order === 'pause');
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

  check(): void {
    this.reference.check();
  }

  /**
   * Without further commands, everything ends: every wait has an answer, every lease has ended, and
   * storage agrees with memory.
   */
  async rest(): Promise<void> {
    this.host.failingWrites = 0;
    this.dyingNext = false;
    this.host.diesWaiting = false;
    for (let i = 0; i < 200; i += 1) {
      for (const call of this.calls.values()) await this.report(call, {});
      await this.pass(1_000);
      this.check();
      if ([...this.calls.values()].every((c) => c.state === 'over') && i > 30) break;
    }
    // Longer than the longest silence that can be learned of an application.
    await this.pass(1_000_000);
    // If the clock went back, the alarm that ends silent runs is late by as much; no call waits for
    // it.
    for (let i = 0; Number.isFinite(this.host.dueAt); i += 1) {
      if (i > 1_000) throw new Error('the object never rests');
      await this.pass(Math.max(1, this.host.dueAt - this.host.elapsed));
    }
    const view = async (name: 'status' | 'pdgraph') => {
      const done = await this.#event((object) => object.view(name));
      return JSON.parse((done.ok && done.value) || '{}');
    };
    this.reference.checkRest(await view('status'), await view('pdgraph'));
  }

  async #ask(call: WorkerCall, answerLost: boolean): Promise<void> {
    call.tries += 1;
    const { incarnation } = this.host;
    const done = await this.#event((object) => object.enqueue(call.request));
    if (call.state === 'over') return;
    if (!done.ok || answerLost) {
      const ticket = done.ok && 'ticket' in done.value ? done.value.ticket : undefined;
      // No Worker has the ticket, so the runtime disposes of it some time later.
      if (ticket) this.#plan(30, () => this.#disposeIn(ticket, incarnation));
      return this.#cut(call);
    }
    const answer = done.value;
    call.incarnation = incarnation;
    call.ticket = 'ticket' in answer ? answer.ticket : undefined;
    if (answer.status !== 'queued') return this.#answered(call, answer);
    const { ticket } = call;
    if (!ticket) throw new Error('queued without a ticket');
    await this.#wait(call, ticket);
  }

  async #wait(call: WorkerCall, ticket: Ticket): Promise<void> {
    call.state = 'waiting';
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
    call.leavesAt = Infinity;
    call.grants += 1;
    this.#keep(call, answer.leaseMs);
    this.#renewLater(call, answer.leaseMs);
  }

  /** The Worker may use its slot for this long from now, and no longer. */
  #keep(call: WorkerCall, leaseMs: number): void {
    const until = this.host.elapsed + leaseMs;
    call.heldUntil = until;
    this.#plan(leaseMs, async () => {
      if (call.state !== 'running' || call.heldUntil !== until) return;
      // From now on others may get the slot, so what still runs there is aborted.
      call.leavesAt = this.host.elapsed;
      await this.#report(call, { outcome: 'failed' });
    });
  }

  #renewLater(call: WorkerCall, leaseMs: number): void {
    const { grants } = call;
    this.#plan(leaseMs / 3, async () => {
      if (call.state !== 'running' || call.grants !== grants) return;
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
    const leased = () => this.reference.isLeased(callId);
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
      this.reference.told.set(result.outputTokens ?? 0, at);
    }
    const { endpointFault, busy, cold } = result;
    if (endpointFault || busy || cold) this.reference.troubledIn = this.host.incarnation;
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
    this.reference.checkStatistics();
    // Learned data that was not stored is lost now, so only later reports are checked for.
    this.reference.told.clear();
    for (const call of this.calls.values()) if (call.state === 'waiting') this.#cut(call);
  }

  async #reliably(act: Parameters<ObjectHost['event']>[0]): Promise<boolean> {
    return (await this.#asked(async (object) => [await act(object)])) !== undefined;
  }

  /** Repeats the request until there is an answer; undefined if the object died each time. */
  async #asked<T>(act: (object: TenantObject) => Promise<T>): Promise<T | undefined> {
    for (let i = 0; i < 3; i += 1) {
      const done = await this.#event(act);
      if (done.ok) return done.value;
    }
    return undefined;
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
    const { incarnation } = this.host;
    const done = await this.host.event(act, dies);
    if (incarnation !== this.host.incarnation) await this.#cutAll();
    return done;
  }

  #plan(afterMs: number, act: () => Promise<void>): void {
    this.#plans.push({ at: this.host.elapsed + afterMs, act });
  }
}

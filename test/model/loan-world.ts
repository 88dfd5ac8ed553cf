/**
 * The world of loans: a tenant's object, and isolates of the Worker that run the Worker's own code of
 * admission and of loans. Their requests take time, get lost or are cut off; requests, isolates and the
 * object's process die; storage refuses writes; the configuration changes. Other calls,
 * which may not borrow, have to wait.
 */
import { Admission, type Admitted } from '../../src/calls/admission.ts';
import type { CallResult } from '../../src/core/runs/call-result.ts';
import type { EnqueueRequest } from '../../src/protocol/admission.ts';
import type { LoanTurn } from '../../src/protocol/loans.ts';
import { type AttemptEnd, type CallFields, type LoanCall, ModelIsolate } from './loan-isolate.ts';
import { type Handling, LoanNetwork } from './loan-network.ts';
import { LoanOwner } from './loan-owner.ts';
import { LoanReference } from './loan-reference.ts';
import type { LoanSettings } from './loan-settings.ts';
import { ObjectHost } from './object-host.ts';

/** A cancellation reaches the endpoint this long after the end of its request, ms. */
const CANCEL_MS = 19;
const CANCEL_GRACE_MS = 20;
/** What a killed isolate may not have told: the longest turn, and its way, ms. */
const UNTOLD_MS = 700;
/** After the death of a loan's holder, the next call or look of another one settles it, ms. */
const UNHELD_MS = 7_000;
/** Isolates look after leases within so long, ms. */
const LONGEST_LEASE_MS = 9_000;

export class LoanWorld {
  readonly host = new ObjectHost();
  readonly network = new LoanNetwork(this.host);
  readonly calls: LoanCall[] = [];
  isolates: ModelIsolate[] = [];
  readonly reference = new LoanReference(this);
  #mayJumpAt = 0;
  readonly owner = new LoanOwner(this);

  constructor() {
    const heardOf = ({ loanId }: LoanTurn, handling: Handling) =>
      this.isolates.find(({ handled }) => handled.has(handling))?.heard.get(loanId);
    this.network.onSent = (turn, handling) => {
      const heard = heardOf(turn, handling);
      if (heard && turn.isLast) heard.isReturned = true;
    };
    this.network.onTurn = (turn, handling, goesOn) => {
      const heard = heardOf(turn, handling);
      if (!heard || goesOn === undefined) return;
      if (!goesOn) heard.isRecalled = true;
      heard.at = this.host.elapsed;
      heard.slackMs = 0;
    };
    this.network.onArrived = ({ loanId }) => this.reference.rows.heard(loanId);
    this.network.onQueued = (callId, incarnation) => {
      const call = this.calls[Number(callId.slice(1))];
      if (call) call.queuedIn = incarnation;
    };
  }

  get settings(): LoanSettings {
    return this.owner.settings;
  }

  async start(isolates: number): Promise<void> {
    await this.owner.configure(this.settings);
    for (let i = 0; i < isolates; i += 1) this.#newIsolate();
  }

  isolate(n: number): ModelIsolate {
    const isolate = this.isolates[n % this.isolates.length];
    if (!isolate) throw new Error('no isolate');
    return isolate;
  }

  /** The call number n of those that are not over, counting around. */
  pick(n: number, state: LoanCall['state']): LoanCall | undefined {
    const fitting = this.calls.filter((c) => c.state === state && !c.handling.isDead);
    return fitting[n % fitting.length];
  }

  /** A client's call comes to the isolate. */
  submit(isolate: ModelIsolate, fields: CallFields): LoanCall {
    const n = this.calls.length;
    const { link, clock } = isolate;
    const handling: Handling = { link, clock, isDead: false, tickets: new Set() };
    isolate.handled.add(handling);
    const { takesMs, isPlain = false, runId, final = false, unit = 'unit', ends = 'ok' } = fields;
    const callId = `c${n}`;
    const named =
      runId === undefined ? { runId: callId, final: true, sole: true } : { runId, final };
    const request: EnqueueRequest = {
      keyId: 'k',
      ...(isPlain ? { isCharged: true } : {}),
      version: isolate.loaded.version,
      call: {
        callId,
        app: fields.app ?? 'app',
        unit,
        backend: 'm',
        kind: 'llm',
        inputTokens: 10,
        arrivedAt: this.host.clock(clock.aheadMs),
        ...named,
      },
    };
    const call: LoanCall = {
      request,
      isolate,
      handling,
      takesMs,
      ends,
      tokens: fields.tokens ?? n + 1,
      state: 'asking',
      answer: undefined,
      isBorrowed: false,
      loan: undefined,
      attempts: 0,
      endpoint: undefined,
      leavesAt: Infinity,
      slot: undefined,
      end: undefined,
      leave: () => {},
      holds: 0,
      isExcused: false,
      askedAt: this.host.elapsed,
      reported: undefined,
      endedAt: Infinity,
      queuedIn: -1,
      mayBeLost: false,
      toldFailure: false,
    };
    this.calls.push(call);
    this.network.within(handling, () => void this.#handle(call));
    return call;
  }

  /** A request that holds a loan, counting around. */
  pickHolder(n: number): LoanCall | undefined {
    const fitting = this.calls.filter((c) => c.holds > 0 && !c.handling.isDead);
    return fitting[n % fitting.length];
  }

  /** A request dies with all that it has begun; `told`: the runtime ends its tickets. */
  die(call: LoanCall, told: boolean): void {
    if (call.handling.isDead) return;
    if (call.holds > 0) this.#mayLose(call.isolate, UNHELD_MS);
    this.#dies(call.handling, told);
    if (call.state !== 'over') this.#gone(call);
  }

  /** All requests of an isolate die, and its memory is lost. */
  dieIsolate(isolate: ModelIsolate, told: boolean): void {
    isolate.isDead = true;
    this.#mayLose(isolate, 0);
    for (const handling of isolate.handled) this.#dies(handling, told);
    for (const call of this.calls) {
      if (call.isolate === isolate && call.state !== 'over') this.#gone(call);
    }
    this.isolates = this.isolates.filter((other) => other !== isolate);
    this.#newIsolate();
  }

  /** What ended on the isolate's slots just before now, and within `forMs`, may never be told. */
  #mayLose(isolate: ModelIsolate, forMs: number): void {
    const { elapsed } = this.host;
    isolate.untoldUntil = Math.max(isolate.untoldUntil, elapsed + forMs);
    const latest = elapsed - UNTOLD_MS - 2 * isolate.link.latencyMs;
    for (const call of this.calls) {
      if (call.isolate === isolate && call.isBorrowed && call.endedAt >= latest)
        call.mayBeLost = true;
    }
  }

  /**
   * The object's clock jumps: at most once in the time in which each isolate is heard of, and not
   * while its renewals are not stored. An isolate that cannot be heard of may lose its slots.
   */
  jump(ms: number): boolean {
    const { elapsed, failedAt } = this.host;
    if (elapsed < Math.max(this.#mayJumpAt, failedAt + LONGEST_LEASE_MS / 2)) return false;
    this.#mayJumpAt = elapsed + LONGEST_LEASE_MS / 2;
    this.host.skewMs += ms;
    for (const isolate of this.isolates) if (isolate.link.isMute) isolate.muteSince = -Infinity;
    this.reference.jumped();
    return true;
  }

  mute(isolate: ModelIsolate, isMute: boolean): void {
    isolate.link.isMute = isMute;
    isolate.muteSince = isMute ? Math.min(isolate.muteSince, this.host.elapsed) : Infinity;
  }

  /** The object's process dies; the next request starts it from its storage. */
  async restart(): Promise<void> {
    this.host.die();
    this.network.cutLost();
    await settled();
  }

  /** A turn arrives a second time, much later than it was sent. */
  async repeatTurn(n: number): Promise<boolean> {
    const turn = this.network.turns[n % Math.max(1, this.network.turns.length)];
    if (!turn) return false;
    this.network.plan(0, () =>
      this.network.tell((object) => object.loanTurn(structuredClone(turn))),
    );
    await this.pass(0);
    return true;
  }

  async pass(ms: number): Promise<void> {
    const { host, network } = this;
    const until = host.elapsed + ms;
    for (let turns = 0; ; turns += 1) {
      if (turns > 200_000) throw new Error('something is due without end');
      await settled();
      const next = Math.min(until, host.dueAt, network.dueAt);
      host.elapsed = Math.max(host.elapsed, next);
      if (await network.next()) this.reference.checkEndpoints();
      else if (host.dueAt <= host.elapsed) {
        await host.ring();
        network.cutLost();
      } else if (host.elapsed >= until) return;
    }
  }

  /** Without further commands everything ends, and nothing is left of it. */
  async rest(): Promise<void> {
    const { host, network } = this;
    host.failingWrites = 0;
    network.dyingNext = false;
    for (const isolate of this.isolates) {
      this.mute(isolate, false);
      Object.assign(isolate.link, { latencyMs: 2, losing: 0, straggleMs: undefined });
      isolate.jump(host.skewMs - isolate.clock.aheadMs);
    }
    for (const endpoint of ['a', 'b']) await this.owner.pause(endpoint, false);
    for (let i = 0; i < 120; i += 1) {
      await this.pass(1_000);
      this.reference.check();
      if (this.calls.every((c) => c.state === 'over') && i > 45) break;
    }
    await this.pass(1_000_000);
    for (let i = 0; Number.isFinite(host.dueAt); i += 1) {
      if (i > 1_000) throw new Error('the object never rests');
      await this.pass(Math.max(1, host.dueAt - host.elapsed));
    }
    await this.reference.checkRest();
  }

  #newIsolate(): void {
    const { loaded } = this.owner;
    if (!loaded) throw new Error('no configuration');
    this.isolates.push(new ModelIsolate(loaded, () => this.host.elapsed));
  }

  async #handle(call: LoanCall): Promise<void> {
    const { isolate, request, handling } = call;
    const admission = new Admission(() => this.network.stub(handling), request, {
      slots: isolate.slots,
      config: isolate.loaded.config,
      waitUntil: (promise) => {
        call.holds += 1;
        promise.then(
          () => {
            call.holds -= 1;
          },
          (error) => this.reference.failed(error),
        );
      },
    });
    call.leave = () => {
      if (call.state === 'running') return call.end?.('left');
      call.state = 'over';
      call.answer ??= 'unavailable';
      this.network.within(handling, () => void admission.abandon());
    };
    try {
      const admitting = admission.admit();
      const loan = isolate.takenLoan();
      call.isBorrowed = loan !== undefined;
      call.loan = loan;
      if (loan) this.reference.begins(call, loan);
      await this.#attempts(call, admission, await admitting);
    } catch (error) {
      this.reference.failed(error);
    }
  }

  async #attempts(call: LoanCall, admission: Admission, first: Admitted): Promise<void> {
    for (let admitted: Admitted | undefined = first; admitted; ) {
      // Whoever left while it asked has told so already.
      if (call.state === 'over') return;
      if (admitted.status !== 'granted') break;
      const { slot } = admitted;
      const how = await this.#served(call, admitted);
      call.leavesAt = this.host.elapsed + (how === 'left' ? CANCEL_MS : 0);
      if (how === 'again' || how === 'busy' || how === 'cold') {
        call.toldFailure = true;
        call.state = 'asking';
        call.askedAt = this.host.elapsed;
        this.reference.isTroubled = true;
        admitted = await admission.retry({ ...resultOf(call, 'failed'), ...failureOf(call, how) });
        if (!admitted) this.#reported(call, 'failed');
        continue;
      }
      call.state = 'over';
      const outcome = how === 'left' ? 'cancelled' : how;
      this.#reported(call, outcome);
      if (how === 'left') await new Promise((done) => setTimeout(done, CANCEL_GRACE_MS));
      await slot.report(resultOf(call, outcome));
      return;
    }
    call.state = 'over';
    call.answer ??= 'unavailable';
  }

  #reported(call: LoanCall, outcome: CallResult['outcome']): void {
    const { elapsed } = this.host;
    call.reported = outcome;
    call.endedAt = elapsed;
    if (call.isBorrowed && elapsed <= call.isolate.untoldUntil) call.mayBeLost = true;
  }

  /** The call is at its endpoint; resolves when it is over there. */
  #served(call: LoanCall, { slot }: Admitted & { status: 'granted' }): Promise<AttemptEnd> {
    const { grant } = slot;
    call.state = 'running';
    call.answer = 'granted';
    call.attempts += 1;
    call.endpoint = grant.endpoint;
    call.leavesAt = Infinity;
    call.slot = slot;
    if (!call.isBorrowed || call.attempts > 1) this.reference.granted();
    const attempt = call.attempts;
    const isHere = () => call.attempts === attempt && call.state === 'running';
    const renew = () => {
      if (!isHere() || call.handling.isDead) return;
      this.network.within(call.handling, () => void slot.renew());
      this.network.plan(grant.leaseMs / 3, renew);
    };
    this.network.plan(grant.leaseMs / 3, renew);
    return new Promise((resolve) => {
      call.end = (how) => {
        if (isHere() && !call.handling.isDead) resolve(how);
      };
      const { end } = call;
      this.network.plan(call.takesMs, () => end(call.ends));
    });
  }

  #dies(handling: Handling, told: boolean): void {
    handling.isDead = true;
    if (told) for (const end of [...handling.tickets]) end();
    handling.tickets.clear();
  }

  #gone(call: LoanCall): void {
    call.leavesAt = Math.min(call.leavesAt, this.host.elapsed + CANCEL_MS);
    call.state = 'over';
    call.answer ??= 'unavailable';
  }
}

/** How its endpoint failed a call: one in three is told when to come again. */
function failureOf({ tokens }: LoanCall, how: 'again' | 'busy' | 'cold'): Partial<CallResult> {
  if (how === 'again') return { endpointFault: true };
  const retryAfterMs = [undefined, 300, 4_000][tokens % 3];
  return { [how]: true, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

function resultOf({ tokens }: LoanCall, outcome: CallResult['outcome']): CallResult {
  const known = { inputTokens: 10, outputTokens: tokens, serviceMs: 10 };
  return { outcome, endpointFault: false, cold: false, ...known };
}

const immediate = (globalThis as unknown as { setImmediate: (act: () => void) => void })
  .setImmediate;

/** Resolves when everything that needs no time to pass has been done. */
function settled(): Promise<void> {
  return new Promise((resolve) => immediate(resolve));
}

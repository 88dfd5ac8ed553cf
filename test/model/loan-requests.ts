/**
 * The requests of the Worker in the model of loans: each handles one call of a client with the Worker's
 * own code of admission, and is at its endpoint in between.
 */
import { Admission, type Admitted } from '../../src/calls/admission.ts';
import type { CallResult } from '../../src/core/runs/call-result.ts';
import type { EnqueueRequest } from '../../src/protocol/admission.ts';
import type { AttemptEnd, CallFields, LoanCall, ModelIsolate } from './loan-isolate.ts';
import type { Handling } from './loan-link.ts';
import type { LoanNetwork } from './loan-network.ts';
import type { LoanReference } from './loan-reference.ts';
import { stubOf } from './loan-stub.ts';
import type { ObjectHost } from './object-host.ts';

/** A cancellation reaches the endpoint this long after the end of its request, ms. */
export const CANCEL_MS = 19;
const CANCEL_GRACE_MS = 20;

/** The part of the world that requests reach. */
interface Surroundings {
  readonly host: ObjectHost;
  readonly network: LoanNetwork;
  readonly reference: LoanReference;
  readonly calls: LoanCall[];
}

export class LoanRequests {
  readonly #world: Surroundings;

  constructor(world: Surroundings) {
    this.#world = world;
  }

  /** A client's call comes to the isolate. */
  submit(isolate: ModelIsolate, fields: CallFields): LoanCall {
    const { calls, host, network } = this.#world;
    const n = calls.length;
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
        arrivedAt: host.clock(clock.aheadMs),
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
      askedAt: host.elapsed,
      reported: undefined,
      endedAt: Infinity,
      queuedIn: -1,
      mayBeLost: false,
      toldFailure: false,
    };
    calls.push(call);
    network.within(handling, () => void this.#handle(call));
    return call;
  }

  async #handle(call: LoanCall): Promise<void> {
    const { isolate, request, handling } = call;
    const admission = new Admission(() => stubOf(this.#world.network, handling), request, {
      slots: isolate.slots,
      config: isolate.loaded.config,
      waitUntil: (promise) => {
        call.holds += 1;
        promise.then(
          () => {
            call.holds -= 1;
          },
          (error) => this.#world.reference.failed(error),
        );
      },
    });
    call.leave = () => {
      if (call.state === 'running') return call.end?.('left');
      call.state = 'over';
      call.answer ??= 'unavailable';
      this.#world.network.within(handling, () => void admission.abandon());
    };
    try {
      const admitting = admission.admit();
      const loan = isolate.takenLoan();
      call.isBorrowed = loan !== undefined;
      call.loan = loan;
      if (loan) this.#world.reference.begins(call, loan);
      await this.#attempts(call, admission, await admitting);
    } catch (error) {
      this.#world.reference.failed(error);
    }
  }

  async #attempts(call: LoanCall, admission: Admission, first: Admitted): Promise<void> {
    for (let admitted: Admitted | undefined = first; admitted; ) {
      // Whoever left while it asked has told so already.
      if (call.state === 'over') return;
      if (admitted.status !== 'granted') break;
      const { slot } = admitted;
      const how = await this.#served(call, admitted);
      call.leavesAt = this.#world.host.elapsed + (how === 'left' ? CANCEL_MS : 0);
      if (how === 'again' || how === 'busy' || how === 'cold') {
        call.toldFailure = true;
        call.state = 'asking';
        call.askedAt = this.#world.host.elapsed;
        this.#world.reference.isTroubled = true;
        admitted = await admission.retry({ ...resultOf(call, 'failed'), ...failureOf(call, how) });
        // Whoever left meanwhile may have told that first.
        if (!admitted && call.state === 'asking') this.#reported(call, 'failed');
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
    const { elapsed } = this.#world.host;
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
    if (!call.isBorrowed || call.attempts > 1) this.#world.reference.granted();
    const attempt = call.attempts;
    const isHere = () => call.attempts === attempt && call.state === 'running';
    const renew = () => {
      if (!isHere() || call.handling.isDead) return;
      this.#world.network.within(call.handling, () => void slot.renew());
      this.#world.network.plan(grant.leaseMs / 3, renew);
    };
    this.#world.network.plan(grant.leaseMs / 3, renew);
    return new Promise((resolve) => {
      call.end = (how) => {
        if (isHere() && !call.handling.isDead) resolve(how);
      };
      const { end } = call;
      this.#world.network.plan(call.takesMs, () => end(call.ends));
    });
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

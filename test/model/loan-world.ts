/**
 * The world of loans: a tenant's object, and isolates of the Worker that run the Worker's own code of
 * admission and of loans (loan-requests.ts). Messages take time and get lost (loan-network.ts);
 * requests, isolates and the object's process die, and storage refuses writes (loan-accidents.ts); the
 * configuration changes (loan-owner.ts). Other calls, which may not borrow, have to wait.
 */
import type { LoanTurn } from '../../src/protocol/loans.ts';
import { LoanAccidents } from './loan-accidents.ts';
import { type CallFields, type LoanCall, ModelIsolate } from './loan-isolate.ts';
import type { Handling, LinkWatch } from './loan-link.ts';
import { LoanNetwork } from './loan-network.ts';
import { LoanOwner } from './loan-owner.ts';
import { LoanReference } from './loan-reference.ts';
import { LoanRequests } from './loan-requests.ts';
import type { LoanSettings } from './loan-settings.ts';
import { ObjectHost } from './object-host.ts';

export class LoanWorld {
  readonly host = new ObjectHost();
  readonly network = new LoanNetwork(this.host);
  readonly calls: LoanCall[] = [];
  isolates: ModelIsolate[] = [];
  readonly reference = new LoanReference(this);
  readonly owner = new LoanOwner(this);
  readonly accidents = new LoanAccidents(this);
  readonly #requests = new LoanRequests(this);

  constructor() {
    const { network, reference } = this;
    const heardOf = ({ loanId }: LoanTurn, handling: Handling) =>
      this.isolates.find(({ handled }) => handled.has(handling))?.heard.get(loanId);
    Object.assign(network.watch, {
      onSent: (turn, handling) => {
        const heard = heardOf(turn, handling);
        if (heard && turn.isLast) heard.isReturned = true;
      },
      onTurn: (turn, handling, goesOn) => {
        const heard = heardOf(turn, handling);
        if (!heard || goesOn === undefined) return;
        if (!goesOn) heard.isRecalled = true;
        heard.at = this.host.elapsed;
        heard.slackMs = 0;
      },
      onArrived: ({ loanId }) => reference.rows.heard(loanId),
      onAnswered: ({ loanId }, goesOn) => {
        const wrong = reference.recalls.wrongAnswer(loanId, goesOn);
        // Thrown here, it would be an answer that is lost.
        if (wrong) reference.failed(wrong);
      },
      onFailed: (callId, result) => {
        // What a deleted tenant has granted is not known to the next one.
        if (!this.#call(callId)?.isExcused) reference.recalls.failed(result);
      },
      onQueued: (callId, incarnation) => {
        const call = this.#call(callId);
        if (call) call.queuedIn = incarnation;
      },
    } satisfies LinkWatch);
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
    return this.#requests.submit(isolate, fields);
  }

  /** A request that holds a loan, counting around. */
  pickHolder(n: number): LoanCall | undefined {
    const fitting = this.calls.filter((c) => c.holds > 0 && !c.handling.isDead);
    return fitting[n % fitting.length];
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
      this.accidents.mute(isolate, false);
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

  /** A new isolate takes the place of one that is gone. */
  replace(isolate: ModelIsolate): void {
    this.isolates = this.isolates.filter((other) => other !== isolate);
    this.#newIsolate();
  }

  #call(callId: string): LoanCall | undefined {
    return this.calls[Number(callId.slice(1))];
  }

  #newIsolate(): void {
    const { loaded } = this.owner;
    if (!loaded) throw new Error('no configuration');
    this.isolates.push(new ModelIsolate(loaded, () => this.host.elapsed));
  }
}

const immediate = (globalThis as unknown as { setImmediate: (act: () => void) => void })
  .setImmediate;

/** Resolves when everything that needs no time to pass has been done. */
function settled(): Promise<void> {
  return new Promise((resolve) => immediate(resolve));
}

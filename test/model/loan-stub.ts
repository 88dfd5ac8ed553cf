/**
 * The tenant's object as a request of the Worker sees it in the model of loans: each method is a message
 * on the link of its isolate. Turns of loans are watched, may be late and may be repeated; tickets are of
 * one object and end with the request.
 */
import type { TenantObject } from '../../durable-objects/tenant/tenant.ts';
import type { CallResult } from '../../src/core/runs/call-result.ts';
import type { Enqueued, TicketMethods } from '../../src/protocol/admission.ts';
import type { LoanTurn, LoanWord } from '../../src/protocol/loans.ts';
import type { TenantApi } from '../../src/protocol/tenant.ts';
import type { Handling } from './loan-link.ts';
import { type Act, type LoanNetwork, MUTE_REJECTS_MS } from './loan-network.ts';

/** Turns that are kept to be sent a second time. */
const KEPT_TURNS = 6;

/** The object, for one request. */
export function stubOf(network: LoanNetwork, handling: Handling): TenantApi {
  return new LoanStub(network, handling).methods();
}

class LoanStub {
  readonly #network: LoanNetwork;
  readonly #handling: Handling;

  constructor(network: LoanNetwork, handling: Handling) {
    this.#network = network;
    this.#handling = handling;
  }

  methods(): TenantApi {
    const known: Record<string, unknown> = {
      enqueue: (...args: Parameters<TenantObject['enqueue']>) => this.#enqueue(args),
      loanTurn: (turn: LoanTurn) => this.#turn(turn),
      again: (callId: string, result: CallResult) =>
        this.#ask((object) => this.#failed(callId, result, () => object.again(callId, result))),
    };
    const of =
      (name: string) =>
      (...args: unknown[]) =>
        this.#ask(
          (object) =>
            (object as unknown as Record<string, (...a: unknown[]) => Promise<unknown>>)[name]?.(
              ...args,
            ) ?? Promise.reject(new Error(`no method ${name}`)),
        );
    const get = (_: object, name: string) => known[name] ?? of(name);
    return new Proxy({}, { get }) as TenantApi;
  }

  #ask<T>(act: Act<T>): Promise<T> {
    return this.#network.ask(this.#handling, act);
  }

  #failed<T>(callId: string, result: CallResult, act: () => T): T {
    this.#network.watch.onFailed(callId, result);
    return act();
  }

  async #enqueue(args: Parameters<TenantObject['enqueue']>): Promise<Enqueued> {
    const network = this.#network;
    let incarnation = -1;
    const act = (object: TenantObject): Promise<Enqueued> => {
      incarnation = network.host.incarnation;
      return object.enqueue(...args);
    };
    // The runtime disposes of a ticket that nobody has received.
    const onLost = ({ ticket }: Enqueued) => network.disposeLater(ticket, incarnation);
    const answer = await network.ask(this.#handling, act, { onLost });
    const { callId } = args[0].call;
    if (answer.status === 'queued') network.watch.onQueued(callId, incarnation);
    if (!answer.ticket) return answer;
    return { ...answer, ticket: this.#remote(callId, answer.ticket, incarnation) };
  }

  async #turn(turn: LoanTurn): Promise<LoanWord> {
    const { watch } = this.#network;
    watch.onSent(turn, this.#handling);
    try {
      const word = await this.#sent(turn);
      watch.onTurn(turn, this.#handling, word.goesOn);
      return word;
    } catch (error) {
      watch.onTurn(turn, this.#handling, undefined);
      throw error;
    }
  }

  #sent(turn: LoanTurn): Promise<LoanWord> {
    const network = this.#network;
    const { link } = this.#handling;
    const { straggleMs } = link;
    let isUnderWay = true;
    network.underWay += 1;
    const arrived = () => {
      if (isUnderWay) network.underWay -= 1;
      isUnderWay = false;
    };
    const act = async (object: TenantObject) => {
      arrived();
      network.watch.onArrived(turn);
      network.turns.push(structuredClone(turn));
      if (network.turns.length > KEPT_TURNS) network.turns.shift();
      const word = await object.loanTurn(structuredClone(turn));
      network.watch.onAnswered(turn, word.goesOn);
      return word;
    };
    if (straggleMs === undefined) {
      network.plan(link.latencyMs + MUTE_REJECTS_MS, arrived);
      return this.#ask(act);
    }
    link.straggleMs = undefined;
    network.plan(straggleMs, () => network.tell(act));
    return Promise.reject(new Error('cut off'));
  }

  /** A ticket as the Worker holds it: it is of one object, and nothing of it works with another. */
  #remote(
    callId: string,
    ticket: TicketMethods & Partial<Disposable>,
    incarnation: number,
  ): TicketMethods & Disposable {
    const { tickets } = this.#handling;
    const ask = <T>(act: () => Promise<T>) =>
      this.#network.ask(this.#handling, act, { only: incarnation });
    const end = () => {
      if (tickets.delete(end)) this.#network.disposeLater(ticket, incarnation);
    };
    tickets.add(end);
    return {
      granted: () => ask(() => ticket.granted()),
      where: () => ask(() => ticket.where()),
      report: (...report) => ask(() => ticket.report(...report)),
      again: (result) => ask(() => this.#failed(callId, result, () => ticket.again(result))),
      renew: () => ask(() => ticket.renew()),
      [Symbol.dispose]: end,
    };
  }
}

/**
 * A Worker's hold on a call while the call waits and runs. When the Worker's context ends, for
 * whatever reason, the runtime disposes of the ticket within milliseconds, and the place in the
 * queue or the slot is given up. A plain RPC that waits would run on unnoticed, and be granted a
 * slot that nobody uses. The callers that wait are in waiters.ts.
 */
import { RpcTarget } from 'cloudflare:workers';
import type { CallResult, Grant, Refusal, TicketMethods } from '../../src/protocol/admission.ts';
import type { LoanTurn } from '../../src/protocol/loans.ts';

/** What a ticket needs of the tenant's object. */
export interface TicketHost {
  /** The answer to a call once there is one; rejects where the caller has to ask again. */
  waitFor(callId: string): Promise<Grant | Refusal>;
  settle(
    callId: string,
    result: CallResult,
    keepFor?: string,
    told?: readonly LoanTurn[],
  ): Promise<boolean>;
  again(callId: string, result: CallResult): Promise<boolean>;
  renew(callId: string): Promise<void>;
  /** Called when the ticket was disposed of; does nothing where another ticket holds the call. */
  abandon(callId: string, ticket: Ticket): void;
  /** Position (0: the call has a slot) and expected wait, ms. */
  where(callId: string): { position: number; etaMs: number };
}

export class Ticket extends RpcTarget implements TicketMethods {
  readonly #host: TicketHost;
  readonly #callId: string;

  constructor(host: TicketHost, callId: string) {
    super();
    this.#host = host;
    this.#callId = callId;
  }

  async granted(): Promise<Grant | Refusal> {
    return this.#host.waitFor(this.#callId);
  }

  async where(): Promise<{ position: number; etaMs: number }> {
    return this.#host.where(this.#callId);
  }

  async report(result: CallResult, keepFor?: string, told?: readonly LoanTurn[]): Promise<boolean> {
    return this.#host.settle(this.#callId, result, keepFor, told);
  }

  async again(result: CallResult): Promise<boolean> {
    return this.#host.again(this.#callId, result);
  }

  async renew(): Promise<void> {
    await this.#host.renew(this.#callId);
  }

  [Symbol.dispose](): void {
    this.#host.abandon(this.#callId, this);
  }
}

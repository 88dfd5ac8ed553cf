/**
 * What a Worker holds of a call while it waits and runs. When the Worker's context ends, however it
 * ends, the runtime disposes of the ticket within milliseconds, and place or slot are given up. A
 * plain RPC that waits would run on unnoticed and be granted a slot that nobody uses.
 */
import { RpcTarget } from 'cloudflare:workers';
import type { CallResult, Grant, Refusal, TicketMethods } from '../../src/protocol/tenant.ts';

export interface TicketOffice {
  waitFor(callId: string): Promise<Grant | Refusal>;
  settle(callId: string, result: CallResult): Promise<void>;
  again(callId: string, result: CallResult): Promise<boolean>;
  renew(callId: string): Promise<void>;
  abandon(callId: string, ticket: Ticket): void;
  where(callId: string): { position: number; etaMs: number };
}

export class Ticket extends RpcTarget implements TicketMethods {
  readonly #office: TicketOffice;
  readonly #callId: string;

  constructor(office: TicketOffice, callId: string) {
    super();
    this.#office = office;
    this.#callId = callId;
  }

  async granted(): Promise<Grant | Refusal> {
    return this.#office.waitFor(this.#callId);
  }

  async where(): Promise<{ position: number; etaMs: number }> {
    return this.#office.where(this.#callId);
  }

  async report(result: CallResult): Promise<void> {
    await this.#office.settle(this.#callId, result);
  }

  async again(result: CallResult): Promise<boolean> {
    return this.#office.again(this.#callId, result);
  }

  async renew(): Promise<void> {
    await this.#office.renew(this.#callId);
  }

  [Symbol.dispose](): void {
    this.#office.abandon(this.#callId, this);
  }
}

/**
 * What a Worker holds of a call while it waits and runs. When the Worker's context ends, however it
 * ends, the runtime disposes of the ticket within milliseconds, and place or slot are given up. A
 * plain RPC that waits would run on unnoticed and be granted a slot that nobody uses.
 */
import { RpcTarget } from 'cloudflare:workers';
import type { CallResult, Grant, Refusal, TicketMethods } from '../../src/protocol/tenant.ts';

export interface TicketHost {
  waitFor(callId: string): Promise<Grant | Refusal>;
  settle(callId: string, result: CallResult): Promise<void>;
  again(callId: string, result: CallResult): Promise<boolean>;
  renew(callId: string): Promise<void>;
  abandon(callId: string, ticket: Ticket): void;
  where(callId: string): { position: number; etaMs: number };
}

export class Ticket extends RpcTarget implements TicketMethods {
  readonly #host: TicketHost;
  readonly #callId: string;

  constructor(office: TicketHost, callId: string) {
    super();
    this.#host = office;
    this.#callId = callId;
  }

  async granted(): Promise<Grant | Refusal> {
    return this.#host.waitFor(this.#callId);
  }

  async where(): Promise<{ position: number; etaMs: number }> {
    return this.#host.where(this.#callId);
  }

  async report(result: CallResult): Promise<void> {
    await this.#host.settle(this.#callId, result);
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

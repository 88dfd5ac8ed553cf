/**
 * A Worker's hold on a place for a request without a slot. When the Worker's context ends, for
 * whatever reason, the runtime disposes of the ticket, and the place is given up. The places are in
 * side-calls.ts, the tickets of calls in ticket.ts.
 */
import { RpcTarget } from 'cloudflare:workers';
import type { SideCallEnd, SideTicketMethods } from '../../src/protocol/key-requests.ts';

export class SideTicket extends RpcTarget implements SideTicketMethods {
  readonly #onEnd: (end: SideCallEnd | undefined) => void;

  /** `onEnd` may be called more than once. */
  constructor(onEnd: (end: SideCallEnd | undefined) => void) {
    super();
    this.#onEnd = onEnd;
  }

  async report(end: SideCallEnd): Promise<void> {
    this.#onEnd(end);
  }

  [Symbol.dispose](): void {
    this.#onEnd(undefined);
  }
}

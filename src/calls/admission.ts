/**
 * The Worker's side of admission: asks the tenant's object for a slot, waits for the grant, renews
 * the lease and reports the result. The queue itself is in the object. An object can restart at any
 * time, which cuts the wait: the call is then submitted again with the same id and arrival, so that
 * it keeps its place in the queue and is never granted twice.
 */

import type {
  CallResult,
  EnqueueRequest,
  Grant,
  Refusal,
  TicketMethods,
} from '../protocol/admission.ts';
import { logFailure } from '../protocol/log-line.ts';
import type { TenantApi } from '../protocol/tenant.ts';

const MAX_TRIES = 6;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/** A lease, released by exactly one `report` or `abandon`; later ones have no effect. */
export interface Slot {
  readonly grant: Grant;
  report(result: CallResult): Promise<void>;
  renew(): Promise<void>;
}

export type Admitted =
  | { readonly status: 'granted'; readonly slot: Slot }
  | Refusal
  /** The object cannot be reached, or is overloaded. */
  | { readonly status: 'unavailable'; readonly retryAfterMs: number };

type Ticket = TicketMethods & Partial<Disposable>;

export class Admission {
  readonly #stub: () => TenantApi;
  readonly #request: EnqueueRequest;
  #ticket: Ticket | undefined;
  #isOver = false;

  constructor(stub: () => TenantApi, request: EnqueueRequest) {
    this.#stub = stub;
    this.#request = request;
  }

  /** Resolves with a slot, or when it is clear that there will be none. */
  admit(): Promise<Admitted> {
    return this.#acquire(() => this.#enqueue());
  }

  /**
   * Reports an attempt that failed before anything reached the client. Resolves with the next slot
   * or its refusal; undefined where no further attempt is allowed and the call is over.
   */
  async retry(result: CallResult): Promise<Admitted | undefined> {
    if (this.#isOver) return undefined;
    const ticket = this.#ticket;
    let mayRetry: boolean | undefined;
    let hasTicket = ticket !== undefined;
    try {
      mayRetry = await ticket?.again(result);
    } catch {
      // The object restarted and may not know of the failure, so it is reported once more.
      hasTicket = false;
    }
    const { callId } = this.#request.call;
    mayRetry ??= await this.#reliably((stub) => stub.again(callId, result));
    if (!mayRetry) {
      this.#isOver = true;
      this.#dispose();
      return undefined;
    }
    return this.#acquire(() => {
      // Without a valid ticket the call is still in the queue: enqueuing again yields a new ticket.
      const granted = hasTicket && ticket ? ticket.granted() : this.#enqueue();
      hasTicket = false;
      return granted;
    });
  }

  async #acquire(ask: () => Promise<Grant | Refusal>): Promise<Admitted> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await ask();
        if (answer.status === 'refused') return answer;
        if (this.#isOver) {
          // The client left during the request: the cancellation may have reached the object first.
          this.#dispose();
          await this.#reliably((stub) => stub.cancel(this.#request.call.callId));
          return { status: 'unavailable', retryAfterMs: LONGEST_PAUSE_MS };
        }
        return { status: 'granted', slot: this.#slot(answer) };
      } catch (error) {
        this.#dispose();
        if (this.#isOver || attempt >= MAX_TRIES || isOverloaded(error)) {
          return { status: 'unavailable', retryAfterMs: LONGEST_PAUSE_MS };
        }
        await pause(attempt);
      }
    }
  }

  /** Queue position and estimated wait of a waiting call; undefined where they are not known. */
  async where(): Promise<{ position: number; etaMs: number } | undefined> {
    try {
      return await this.#ticket?.where();
    } catch {
      return undefined;
    }
  }

  /** The client left: gives up its place in the queue or its slot at once. */
  async abandon(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#dispose();
    await this.#reliably((stub) => stub.cancel(this.#request.call.callId));
  }

  #settle(result: CallResult): Promise<void> {
    return this.#reliably((stub) => stub.settle(this.#request.call.callId, result));
  }

  async #enqueue(): Promise<Grant | Refusal> {
    const answer = await this.#stub().enqueue(this.#request);
    this.#ticket = answer.ticket;
    if (answer.status !== 'queued') return answer;
    if (!this.#ticket) throw new Error('queued without a ticket');
    return this.#ticket.granted();
  }

  #slot(grant: Grant): Slot {
    const { callId } = this.#request.call;
    return {
      grant,
      report: async (result) => {
        if (this.#isOver) return;
        this.#isOver = true;
        const delivered = await succeeded(this.#ticket?.report(result));
        if (!delivered) await this.#settle(result);
        this.#dispose();
      },
      renew: async () => {
        if (this.#isOver) return;
        const delivered = await succeeded(this.#ticket?.renew());
        if (!delivered) await this.#reliably((stub) => stub.renew(callId));
      },
    };
  }

  #dispose(): void {
    this.#ticket?.[Symbol.dispose]?.();
    this.#ticket = undefined;
  }

  /** Calls the object without the ticket, on a fresh stub, since one that threw may stay broken. */
  async #reliably<T>(act: (stub: TenantApi) => Promise<T>): Promise<T | undefined> {
    for (let attempt = 1; attempt <= MAX_TRIES; attempt += 1) {
      try {
        return await act(this.#stub());
      } catch (error) {
        if (attempt === MAX_TRIES || isOverloaded(error)) {
          // The expiry of the lease releases the slot as a last resort.
          logFailure('report_lost', error);
          return undefined;
        }
        await pause(attempt);
      }
    }
    return undefined;
  }
}

async function succeeded(promise: Promise<void> | undefined): Promise<boolean> {
  if (!promise) return false;
  try {
    await promise;
    return true;
  } catch {
    return false;
  }
}

function isOverloaded(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'overloaded' in error && !!error.overloaded;
}

/** Full jitter, so that callers that are cut off together do not retry together. */
function pause(attempt: number): Promise<void> {
  const ceilingMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt);
  return new Promise((resolve) => setTimeout(resolve, Math.random() * ceilingMs));
}

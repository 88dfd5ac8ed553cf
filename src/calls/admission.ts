/**
 * The Worker's side of admission: asks the tenant's object for a slot, waits, renews, reports. An
 * object can be restarted at any time: then the wait is cut, and the call is submitted again with
 * the same id and arrival, so it keeps its place and is never granted twice.
 */
import type {
  CallResult,
  EnqueueRequest,
  Grant,
  Refusal,
  TenantApi,
  TicketMethods,
} from '../protocol/tenant.ts';

const MAX_TRIES = 6;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/** A slot, to be given back by exactly one `report` or `abandon`; later ones do nothing. */
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
  #over = false;

  constructor(stub: () => TenantApi, request: EnqueueRequest) {
    this.#stub = stub;
    this.#request = request;
  }

  /** Resolves when there is a slot, or when it is clear that there will be none. */
  admit(): Promise<Admitted> {
    return this.#acquire(() => this.#try());
  }

  /**
   * Reports an attempt that failed before anything reached the client. Resolves with the next slot,
   * or the refusal of one; undefined where there is no further attempt, and the call is over.
   */
  async retry(result: CallResult): Promise<Admitted | undefined> {
    if (this.#over) return undefined;
    const ticket = this.#ticket;
    let goesOn: boolean | undefined;
    let holds = ticket !== undefined;
    try {
      goesOn = await ticket?.again(result);
    } catch {
      // The object was restarted: whether it heard of the failure is not known, so it is told.
      holds = false;
    }
    const { callId } = this.#request.call;
    goesOn ??= await this.#reliably((stub) => stub.again(callId, result));
    if (!goesOn) {
      this.#over = true;
      this.#dispose();
      return undefined;
    }
    return this.#acquire(() => {
      // Without a ticket it stands in the line, and gets another by asking again.
      const granted = holds && ticket ? ticket.granted() : this.#try();
      holds = false;
      return granted;
    });
  }

  async #acquire(ask: () => Promise<Grant | Refusal>): Promise<Admitted> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await ask();
        if (answer.status === 'refused') return answer;
        if (this.#over) {
          // The client left while the object was being asked: it may have heard of that first.
          this.#dispose();
          await this.#reliably((stub) => stub.cancel(this.#request.call.callId));
          return { status: 'unavailable', retryAfterMs: LONGEST_PAUSE_MS };
        }
        return { status: 'granted', slot: this.#slot(answer) };
      } catch (error) {
        this.#dispose();
        if (this.#over || attempt >= MAX_TRIES || isOverloaded(error)) {
          return { status: 'unavailable', retryAfterMs: LONGEST_PAUSE_MS };
        }
        await pause(attempt);
      }
    }
  }

  /** Where a waiting call stands; undefined where nobody can tell just now. */
  async where(): Promise<{ position: number; etaMs: number } | undefined> {
    try {
      return await this.#ticket?.where();
    } catch {
      return undefined;
    }
  }

  /** The client left: gives up the place or the slot at once. */
  async abandon(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    this.#dispose();
    await this.#reliably((stub) => stub.cancel(this.#request.call.callId));
  }

  #settle(result: CallResult): Promise<void> {
    return this.#reliably((stub) => stub.settle(this.#request.call.callId, result));
  }

  async #try(): Promise<Grant | Refusal> {
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
        if (this.#over) return;
        this.#over = true;
        const told = await succeeded(this.#ticket?.report(result));
        if (!told) await this.#settle(result);
        this.#dispose();
      },
      renew: async () => {
        if (this.#over) return;
        const told = await succeeded(this.#ticket?.renew());
        if (!told) await this.#reliably((stub) => stub.renew(callId));
      },
    };
  }

  #dispose(): void {
    this.#ticket?.[Symbol.dispose]?.();
    this.#ticket = undefined;
  }

  /** Without the ticket: to a fresh stub, since one that threw may stay broken. */
  async #reliably<T>(act: (stub: TenantApi) => Promise<T>): Promise<T | undefined> {
    for (let attempt = 1; attempt <= MAX_TRIES; attempt += 1) {
      try {
        return await act(this.#stub());
      } catch (error) {
        if (attempt === MAX_TRIES || isOverloaded(error)) {
          // The lease's expiry is the last way by which the slot comes back.
          console.error(JSON.stringify({ event: 'report_lost', error: String(error) }));
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

/** Full jitter, so that callers cut off together do not come back together. */
function pause(attempt: number): Promise<void> {
  const ceilingMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt);
  return new Promise((resolve) => setTimeout(resolve, Math.random() * ceilingMs));
}

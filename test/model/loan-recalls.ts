/**
 * What must hold of a loan that is wanted back: the object says so in the step in which it becomes so,
 * the isolate begins no call on it once that can have arrived, and nothing is lent for a while after an
 * endpoint has failed.
 */
import type { CallResult } from '../../src/core/runs/call-result.ts';
import type { Heard, LoanCall } from './loan-isolate.ts';
import type { LoanSettings } from './loan-settings.ts';
import type { ObjectHost } from './object-host.ts';

/**
 * Ways of a message in which an isolate hears that its loan is recalled: an answer is on its way, then
 * the next turn, then the answer to that.
 */
const WAYS = 3;
/** Nothing is lent so long after a failure, ms. */
const PAUSE_MS = 1_000;

interface Watched {
  readonly host: ObjectHost;
}

export class LoanRecalls {
  /**
   * Every message arrives, and nobody dies: isolates hear of each recall in time, and the object of each
   * failure.
   */
  isPunctual = true;
  readonly #world: Watched;
  /** Since when each loan is wanted back, in elapsed ms. */
  readonly #wantedAt = new Map<string, number>();
  /** The configurations, by version. */
  readonly #settings = new Map<number, LoanSettings>();
  /** The version of the object's configuration, now and when each loan was lent. */
  #version = 0;
  readonly #lentUnder = new Map<string, number>();
  #failedAt = -Infinity;

  constructor(world: Watched) {
    this.#world = world;
  }

  /** A configuration, by which other calls may be allowed. */
  configured(version: number, settings: LoanSettings): void {
    this.#settings.set(version, settings);
    this.#version = version;
    this.wanted(this.loans());
    if (!this.#hasBackend) this.#failedAt = -Infinity;
  }

  /** The tenant was deleted, which had these loans. */
  deleted(loans: readonly string[]): void {
    this.wanted(loans);
    this.#failedAt = -Infinity;
  }

  /** The loans that there are now. */
  loans(endpoint?: string): string[] {
    const rows = this.#world.host.rows('SELECT id, endpoint FROM loans');
    const ofIt = rows.filter((row) => endpoint === undefined || row.endpoint === endpoint);
    return ofIt.map(({ id }) => String(id));
  }

  /** These loans are wanted back from now on. */
  wanted(loans: readonly string[]): void {
    for (const id of loans) {
      if (!this.#wantedAt.has(id)) this.#wantedAt.set(id, this.#world.host.elapsed);
    }
  }

  /** An attempt has failed, of which the object hears now: all loans of the backend are wanted back. */
  failed({ endpointFault, busy, cold }: CallResult): void {
    // An object that has died since may not know the call.
    if (!this.isPunctual || !(endpointFault || busy || cold)) return;
    const loans = this.loans();
    this.wanted(loans);
    // One that is taken away may come again as another.
    if (loans.length > 0 && this.#hasBackend) this.#failedAt = this.#world.host.elapsed;
  }

  /** What is wrong with the object's answer to a turn, if anything. */
  wrongAnswer(loanId: string, goesOn: boolean): Error | undefined {
    if (!goesOn) return undefined;
    if (this.#wantedAt.has(loanId)) return new Error(`${loanId} goes on, and is wanted back`);
    if (this.loans().includes(loanId)) return undefined;
    return new Error(`${loanId} goes on, and is not stored`);
  }

  /** Slots were lent, or more of them. */
  lent(loanId: string): void {
    if (!this.#lentUnder.has(loanId)) this.#lentUnder.set(loanId, this.#version);
    const { elapsed } = this.#world.host;
    const isPaused = this.isPunctual && elapsed - this.#failedAt < PAUSE_MS;
    if (isPaused) throw new Error(`${loanId} is lent just after a failure`);
  }

  /** A call begins on a slot of its isolate. */
  begins({ request, isolate }: LoanCall, { loanId, version }: Heard): void {
    const { callId } = request.call;
    const settings = this.#settings.get(request.version);
    const mayBorrow = settings && settings.lends !== false && !settings.limited;
    if (!mayBorrow || request.isCharged) throw new Error(`${callId} may not borrow`);
    const lentUnder = this.#lentUnder.get(loanId) ?? version;
    if (this.isPunctual && lentUnder !== version) {
      throw new Error(`${callId} begins on a loan to an older version`);
    }
    const wantedMs = this.#world.host.elapsed - (this.#wantedAt.get(loanId) ?? Infinity);
    if (this.isPunctual && wantedMs > WAYS * isolate.longestWayMs) {
      throw new Error(`${callId} begins on a loan that is wanted back for ${wantedMs} ms`);
    }
  }

  get #hasBackend(): boolean {
    return Object.keys(this.#settings.get(this.#version)?.slots ?? {}).length > 0;
  }
}

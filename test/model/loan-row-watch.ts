/**
 * What must hold of the stored loans at any time: nothing is lent while a call waits, or of an endpoint
 * that is paused or gone, and every loan comes back once its isolate is not heard of.
 */
import type { LoanCall } from './loan-isolate.ts';
import type { LoanRecalls } from './loan-recalls.ts';
import type { LoanSettings } from './loan-settings.ts';
import type { ObjectHost } from './object-host.ts';

/** A call that has waited for longer may have been refused, ms. */
const WAITS_MS = 15_000;
/** After a change of the clock or of the configuration, what waits may be refused, ms. */
const UNSETTLED_MS = 3_000;
/** A loan of which nothing was heard is over after so long, ms. */
const FIRST_SILENCE_MS = 6_000;
/** No alarm is closer, ms; below, time in which a timer may be late. */
const ALARM_MS = 5_000;
const LATE_MS = 1_000;

interface Watched {
  readonly recalls: Pick<LoanRecalls, 'lent'>;
  readonly host: ObjectHost;
  readonly calls: readonly LoanCall[];
  readonly settings: () => LoanSettings;
}

interface Row {
  slots: number;
  /** When its isolate was heard of, in elapsed ms; Infinity where the object does not know the time. */
  heardAt: number;
  isHeard: boolean;
}

export class LoanRowWatch {
  readonly #world: Watched;
  readonly #rows = new Map<string, Row>();
  readonly #paused = new Set<string>();
  #settledAt = 0;
  #incarnation = 0;

  constructor(world: Watched) {
    this.#world = world;
  }

  paused(endpoint: string): void {
    this.#paused.add(endpoint);
  }

  goesOn(endpoint: string): void {
    this.#paused.delete(endpoint);
  }

  /** The tenant was deleted, with its pauses. */
  deleted(): void {
    this.#paused.clear();
  }

  isPaused(endpoint: string): boolean {
    return this.#paused.has(endpoint);
  }

  /** The configuration has changed; an endpoint that it does not name is forgotten with its pause. */
  configured(): void {
    this.#unsettled();
    for (const endpoint of this.#paused) {
      if (!Object.hasOwn(this.#world.settings().slots, endpoint)) this.#paused.delete(endpoint);
    }
  }

  /** The object's clock jumps: an alarm may be late by as much, until anything else happens. */
  jumped(): void {
    this.#unsettled();
    for (const row of this.#rows.values()) row.heardAt = Infinity;
  }

  /** A turn arrived. */
  heard(loanId: string): void {
    const row = this.#rows.get(loanId);
    if (!row) return;
    row.heardAt = this.#world.host.elapsed;
    row.isHeard = true;
  }

  /** Checks what must hold after each event of the object. */
  check(): void {
    const { host } = this.#world;
    if (host.incarnation !== this.#incarnation) this.#restarted();
    const rows = host.rows('SELECT id, endpoint, slots FROM loans');
    const ids = new Set(rows.map(({ id }) => String(id)));
    for (const id of this.#rows.keys()) if (!ids.has(id)) this.#rows.delete(id);
    for (const { id, endpoint, slots } of rows) {
      const known = this.#rows.get(String(id));
      if (!known || Number(slots) > known.slots) this.#lent(String(id), String(endpoint));
      const row = known ?? { slots: 0, heardAt: host.elapsed, isHeard: false };
      row.slots = Number(slots);
      if (row.heardAt === Infinity) row.heardAt = host.elapsed;
      this.#rows.set(String(id), row);
      this.#comesBack(String(id), row);
    }
  }

  #lent(id: string, endpoint: string): void {
    const settings = this.#world.settings();
    if (this.#paused.has(endpoint)) throw new Error(`${id} is of ${endpoint}, which is paused`);
    if (!Object.hasOwn(settings.slots, endpoint)) throw new Error(`${id} is of ${endpoint}`);
    if (settings.lends === false) throw new Error(`${id} is lent although nothing is`);
    this.#world.recalls.lent(id);
    if (this.#isUnsettled) return;
    const { host, calls } = this.#world;
    const leased = new Set(host.rows('SELECT call_id FROM leases').map((row) => row.call_id));
    const waits = calls.find(
      ({ state, queuedIn, askedAt, request }) =>
        state === 'asking' &&
        queuedIn === host.incarnation &&
        host.elapsed - askedAt < WAITS_MS &&
        !leased.has(request.call.callId),
    );
    if (waits) throw new Error(`${id} is lent while ${waits.request.call.callId} waits`);
  }

  #comesBack(id: string, { heardAt, isHeard }: Row): void {
    const { host } = this.#world;
    const settings = this.#world.settings();
    // What could not be deleted goes with what is written next.
    if (host.failedAt > -Infinity) return;
    const mostMs = isHeard ? settings.leaseMs : Math.min(settings.leaseMs, FIRST_SILENCE_MS);
    const silentMs = host.elapsed - heardAt;
    if (silentMs > mostMs + LATE_MS) throw new Error(`${id} is silent for ${silentMs} ms`);
  }

  #restarted(): void {
    const { host } = this.#world;
    this.#incarnation = host.incarnation;
    for (const row of this.#rows.values()) {
      // The alarm is what starts it again.
      row.heardAt = host.elapsed + ALARM_MS;
      row.isHeard = true;
    }
  }

  #unsettled(): void {
    this.#settledAt = this.#world.host.elapsed + UNSETTLED_MS;
  }

  get #isUnsettled(): boolean {
    const { elapsed, failedAt } = this.#world.host;
    return elapsed < Math.max(this.#settledAt, failedAt + UNSETTLED_MS);
  }
}

/**
 * What goes wrong in the world of loans: requests, isolates and the object's process die, links carry
 * nothing, clocks jump, and a message comes twice.
 */
import type { LoanCall, ModelIsolate } from './loan-isolate.ts';
import type { Handling } from './loan-link.ts';
import type { LoanNetwork } from './loan-network.ts';
import type { LoanReference } from './loan-reference.ts';
import { CANCEL_MS } from './loan-requests.ts';
import type { ObjectHost } from './object-host.ts';

/** What a killed isolate may not have told: the longest turn, and its way, ms. */
const UNTOLD_MS = 700;
/** After the death of a loan's holder, the next call or look of another one settles it, ms. */
const UNHELD_MS = 7_000;
/** Isolates look after leases within so long, ms. */
const LONGEST_LEASE_MS = 9_000;

/** The part of the world to which it happens. */
interface Struck {
  readonly host: ObjectHost;
  readonly network: LoanNetwork;
  readonly reference: LoanReference;
  readonly calls: readonly LoanCall[];
  readonly isolates: readonly ModelIsolate[];
  /** A new isolate takes the place of one that is gone. */
  replace(isolate: ModelIsolate): void;
  pass(ms: number): Promise<void>;
}

export class LoanAccidents {
  readonly #world: Struck;
  #mayJumpAt = 0;

  constructor(world: Struck) {
    this.#world = world;
  }

  /** A request dies with all that it has begun; `told`: the runtime ends its tickets. */
  die(call: LoanCall, told: boolean): void {
    if (call.handling.isDead) return;
    if (call.holds > 0) this.#mayLose(call.isolate, UNHELD_MS);
    this.#dies(call.handling, told);
    if (call.state !== 'over') this.#gone(call);
  }

  /** All requests of an isolate die, and its memory is lost. */
  dieIsolate(isolate: ModelIsolate, told: boolean): void {
    isolate.isDead = true;
    this.#mayLose(isolate, 0);
    for (const handling of isolate.handled) this.#dies(handling, told);
    for (const call of this.#world.calls) {
      if (call.isolate === isolate && call.state !== 'over') this.#gone(call);
    }
    this.#world.replace(isolate);
  }

  /** What ended on the isolate's slots just before now, and within `forMs`, may never be told. */
  #mayLose(isolate: ModelIsolate, forMs: number): void {
    const { elapsed } = this.#world.host;
    isolate.untoldUntil = Math.max(isolate.untoldUntil, elapsed + forMs);
    const latest = elapsed - UNTOLD_MS - 2 * isolate.link.latencyMs;
    for (const call of this.#world.calls) {
      if (call.isolate === isolate && call.isBorrowed && call.endedAt >= latest)
        call.mayBeLost = true;
    }
  }

  /**
   * The object's clock jumps: at most once in the time in which each isolate is heard of, and not
   * while its renewals are not stored. An isolate that cannot be heard of may lose its slots.
   */
  jump(ms: number): boolean {
    const { elapsed, failedAt } = this.#world.host;
    if (elapsed < Math.max(this.#mayJumpAt, failedAt + LONGEST_LEASE_MS / 2)) return false;
    this.#mayJumpAt = elapsed + LONGEST_LEASE_MS / 2;
    this.#world.host.skewMs += ms;
    for (const isolate of this.#world.isolates)
      if (isolate.link.isMute) isolate.muteSince = -Infinity;
    this.#world.reference.jumped();
    return true;
  }

  mute(isolate: ModelIsolate, isMute: boolean): void {
    isolate.link.isMute = isMute;
    isolate.muteSince = isMute ? Math.min(isolate.muteSince, this.#world.host.elapsed) : Infinity;
  }

  /** The object's process dies; the next request starts it from its storage. */
  async restart(): Promise<void> {
    this.#world.host.die();
    this.#world.network.cutLost();
    await this.#world.pass(0);
  }

  /** A turn arrives a second time, much later than it was sent. */
  async repeatTurn(n: number): Promise<boolean> {
    const turn = this.#world.network.turns[n % Math.max(1, this.#world.network.turns.length)];
    if (!turn) return false;
    this.#world.network.plan(0, () =>
      this.#world.network.tell((object) => object.loanTurn(structuredClone(turn))),
    );
    await this.#world.pass(0);
    return true;
  }

  #dies(handling: Handling, told: boolean): void {
    handling.isDead = true;
    if (told) for (const end of [...handling.tickets]) end();
    handling.tickets.clear();
  }

  #gone(call: LoanCall): void {
    call.leavesAt = Math.min(call.leavesAt, this.#world.host.elapsed + CANCEL_MS);
    call.state = 'over';
    call.answer ??= 'unavailable';
  }
}

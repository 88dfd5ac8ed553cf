/**
 * The slots of one endpoint: how many it has, and which of them are in use. The load is the
 * dispatcher's own count of granted slots, because scraped gauges lag behind. There may be fewer than
 * are configured: by what calls met there (effective-slots.ts), by the engine's own word
 * (engine-slots.ts), and while the endpoint has just woken (slow-start.ts).
 */
import type { CallResult } from '../runs/call-result.ts';
import { EffectiveSlots } from './effective-slots.ts';
import type { EndpointSpec, EndpointState } from './endpoint-state.ts';
import { type EngineLoad, EngineSlots } from './engine-slots.ts';
import { queuedInEngine } from './queued-in-engine.ts';
import { nextOpeningMs, openSlots } from './slow-start.ts';

/** The part of an endpoint that is read here. */
export interface SlotsView {
  readonly spec: Pick<EndpointSpec, 'slots'>;
  readonly state: EndpointState;
  /** Since when the endpoint answers, epoch ms; valid only while it is warm. */
  readonly warmSince: number;
}

export class EndpointSlots {
  /** Calls that were sent there and have not ended, and loans, each as one. */
  inFlight = 0;
  /** Their sequences, each of which takes a slot; one call alone may have more than there are. */
  sequences = 0;
  /** Slots lent to isolates of the Worker, but for those of calls that they have reported. */
  lent = 0;
  /** It reads a prefix ahead of a call, which takes a slot; it does not go cold meanwhile. */
  isReading = false;
  #loans = 0;
  readonly #endpoint: SlotsView;
  readonly #effective = new EffectiveSlots();
  readonly #engine = new EngineSlots();
  /** Calls served since the endpoint woke; undefined where slow start is off or over. */
  #servedInSlowStart: number | undefined;

  constructor(endpoint: SlotsView) {
    this.#endpoint = endpoint;
  }

  /** The configured slots, less those that it has shown not to have. */
  get usable(): number {
    return this.#effective.of(this.#endpoint.spec.slots);
  }

  /** Calls that are known to run there. */
  get calls(): number {
    return this.inFlight - this.#loans;
  }

  /** Slots that calls and a read hold, and those that are lent. */
  get held(): number {
    return this.sequences + this.lent + (this.isReading ? 1 : 0);
  }

  /** Free slots of those that the endpoint can serve now; negative while it has too many calls. */
  get free(): number {
    return this.usable - this.held;
  }

  /** Slots in use, as far as there are slots: what runs beside each other there. */
  get concurrency(): number {
    return Math.min(this.sequences, Math.max(this.inFlight, this.#endpoint.spec.slots));
  }

  /** What limits the slots below the configured ones: the engine's word, or what calls met there. */
  get limitedBy(): 'engine' | 'calls' | undefined {
    const { usable } = this;
    if (usable >= this.#endpoint.spec.slots) return undefined;
    return usable === this.#effective.told ? 'engine' : 'calls';
  }

  /** Free slots, without those that slow start has not opened. */
  freeAt(now: number): number {
    const { spec, state, warmSince } = this.#endpoint;
    if (this.#servedInSlowStart === undefined || state !== 'warm') return this.free;
    const open = openSlots(spec.slots, now - warmSince, this.#servedInSlowStart);
    return Math.min(this.free, open - this.held);
  }

  /** True where so many slots are free; a call that asks for more than there are takes them all. */
  hasRoom(now: number, sequences: number): boolean {
    if (this.free <= 0) return false;
    return this.held === 0 || this.freeAt(now) >= sequences;
  }

  /** The same of the slots that are open now. */
  areOpen(now: number, sequences: number): boolean {
    const { free } = this;
    if (free <= 0) return false;
    if (this.#servedInSlowStart === undefined) return free >= sequences || this.held === 0;
    return this.nextAt(now) <= now && this.hasRoom(now, sequences);
  }

  /** True during slow start: the endpoint has just woken and gets few calls. */
  get isOpening(): boolean {
    return this.#servedInSlowStart !== undefined;
  }

  /** When the next slot is open, epoch ms; Infinity where only the end of a call frees one. */
  nextAt(now: number): number {
    if (this.free <= 0) return Infinity;
    if (this.#servedInSlowStart === undefined) return now;
    const { spec, warmSince } = this.#endpoint;
    const warmMs = now - warmSince;
    const open = openSlots(spec.slots, warmMs, this.#servedInSlowStart);
    if (open >= spec.slots) this.#servedInSlowStart = undefined;
    return this.held < open ? now : warmSince + nextOpeningMs(warmMs);
  }

  /** When slow start opens the next slot, epoch ms; Infinity where no slot opens by time alone. */
  opensAt(now: number): number {
    const at = this.nextAt(now);
    return this.#endpoint.state === 'warm' && at > now ? at : Infinity;
  }

  /** A call holds slots there: it was sent, now or before a restart. */
  take(sequences: number): void {
    this.inFlight += 1;
    this.sequences += sequences;
  }

  /** A call gives them back. */
  giveBack(sequences: number): void {
    this.inFlight -= 1;
    this.sequences -= sequences;
  }

  /** Slots are lent: calls may run there that are not known yet, so it counts as busy. */
  lend(slots: number): void {
    this.inFlight += 1;
    this.#loans += 1;
    this.lent += slots;
  }

  /** A loan's slots come back, but for those that its reported calls hold. */
  takeBack(slots: number): void {
    this.inFlight -= 1;
    this.#loans -= 1;
    this.lent -= slots;
  }

  /** The engine has started anew. */
  restarted(isSlowStart: boolean): void {
    this.#engine.restarted();
    this.#effective.told = Infinity;
    this.#servedInSlowStart = isSlowStart ? 0 : undefined;
  }

  /** A call was served to its end. */
  served(): void {
    if (this.#servedInSlowStart !== undefined) this.#servedInSlowStart += 1;
  }

  /** True where its engine is to be asked for its load now; `loadTold` then follows. */
  isLoadDue(now: number): boolean {
    return this.#endpoint.state === 'warm' && this.#engine.isDue(this.sequences, now);
  }

  /** Its engine told its load; undefined where it told nothing. */
  loadTold(load: EngineLoad | undefined, now: number): void {
    const { spec, state } = this.#endpoint;
    if (state === 'draining') return;
    const limits = this.#effective;
    const waiting = this.#engine.told(load, this.sequences, limits.isShownBelow(spec.slots), now);
    limits.told = this.#engine.limit;
    limits.queued(spec.slots, this.sequences, waiting);
  }

  /** A call that was sent at `sentAt` was refused while `running` sequences were there. */
  overloaded(running: number, sentAt: number, now: number): void {
    this.#effective.overloaded(this.#endpoint.spec.slots, running, sentAt, now);
  }

  /** Learns how many calls the engine serves at once from those that wait there. */
  observe(result: CallResult, sentAt: number, running: number, isSingle: boolean): void {
    const { spec, state, warmSince } = this.#endpoint;
    // The times of one of several answers do not tell how long the call took there.
    const isTold = state === 'warm' && sentAt >= warmSince && isSingle;
    const queuedThere =
      result.queuedThere ?? (isTold ? queuedInEngine(result, running) : undefined);
    if (queuedThere !== undefined) this.#effective.queued(spec.slots, running, queuedThere);
    if (result.outcome === 'ok' && !queuedThere) this.#effective.succeeded(spec.slots);
  }

  clockWentBack(now: number): void {
    this.#effective.clockWentBack(now);
    this.#engine.clockWentBack(now);
  }
}

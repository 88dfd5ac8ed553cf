/**
 * The one way to the dispatcher in the tenant's object: events in, effects done, what was learned
 * written, the alarm armed.
 */
import { toDispatcherConfig } from '../../src/config/dispatcher-config.ts';
import type { TenantConfig } from '../../src/config/schema.ts';
import type { DispatchEvent, Effect } from '../../src/core/dispatch/dispatch-events.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import { ObjectAlarm } from '../alarm.ts';
import type { EffectRunner } from './effect-runner.ts';
import type { PendingBatch } from './pending-batch.ts';
import { restoreDispatcher } from './restore.ts';
import type { TenantStore } from './tenant-store.ts';
import type { Waiters } from './waiters.ts';

/** After an alarm that failed. */
const RETRY_MS = 5_000;
/** What is due sooner than that a timer does, without a write; the alarm only if the object dies. */
const ALARM_LEAST_MS = 5_000;
/** While calls wait or run, the object looks at least so often, whatever became of its alarm. */
const WATCH_MS = 15_000;

type Timer = ReturnType<typeof setTimeout>;

export interface LoopContext {
  readonly storage: DurableObjectStorage;
  readonly store: TenantStore;
  readonly effects: EffectRunner;
  readonly pending: PendingBatch;
  readonly waiters: Waiters;
  /** Keeps the object until a promise has settled. */
  waitUntil(promise: Promise<unknown>): void;
}

export class DispatchLoop {
  readonly #context: LoopContext;
  readonly #alarm: ObjectAlarm;
  #dispatcher: Dispatcher | undefined;
  #watch: Timer | null = null;
  #timer: Timer | null = null;
  /** When the timer goes off, epoch ms. */
  #timerAt = Infinity;

  constructor(place: LoopContext) {
    this.#context = place;
    this.#alarm = new ObjectAlarm(place.storage);
  }

  /** Undefined while the tenant is not configured. */
  get dispatcher(): Dispatcher | undefined {
    return this.#dispatcher;
  }

  configure(tenant: TenantConfig): void {
    const config = toDispatcherConfig(tenant);
    const now = Date.now();
    if (this.#dispatcher) this.#apply(this.#dispatcher, [{ type: 'configured', config }], now);
    else this.#dispatcher = restoreDispatcher(config, this.#context.store, now);
  }

  async step(events: readonly DispatchEvent[]): Promise<readonly Effect[]> {
    const dispatcher = this.#dispatcher;
    if (!dispatcher) return [];
    const now = Date.now();
    const effects = this.#apply(dispatcher, events, now);
    if (now >= this.#context.pending.dueAt) this.flush();
    await this.arm();
    return effects;
  }

  /** Writes what was learned. */
  flush(): void {
    const dispatcher = this.#dispatcher;
    if (!dispatcher) return;
    const { pending, store } = this.#context;
    const now = Date.now();
    const batch = pending.take(dispatcher, now);
    try {
      store.saveBatch(batch);
    } catch (error) {
      console.error(JSON.stringify({ event: 'batch_not_saved', error: String(error) }));
      pending.putBack(batch, dispatcher, now);
    }
  }

  /** Makes sure that the object is there when something is due. */
  async arm(): Promise<void> {
    const now = Date.now();
    const due = Math.min(this.#dispatcher?.dueAt(now) ?? Infinity, this.#context.pending.dueAt);
    // A timer that nobody needs would keep the object from its rest.
    if (this.#context.waiters.size > 0) this.#startWatch();
    else this.#endWatch();
    if (due < now + ALARM_LEAST_MS) this.#setTimer(due, now);
    else this.#clearTimer();
    await this.#alarm.arm(Math.max(due, now + ALARM_LEAST_MS));
  }

  /** The alarm went off. */
  onAlarm(): Promise<void> {
    this.#alarm.fired();
    return this.#tick();
  }

  /** Ends all calls; what was learned and is not written is forgotten. */
  async shutDown(config: TenantConfig | undefined): Promise<void> {
    if (config) {
      const none = { ...toDispatcherConfig(config), backends: {} };
      await this.step([{ type: 'configured', config: none }]);
    }
    this.#dispatcher = undefined;
    this.#context.pending.clear();
  }

  /** All of the storage is gone, its alarm too. */
  alarmDeleted(): void {
    this.#alarm.fired();
  }

  /** The dispatcher's step and what it wants done; what cannot be made durable is taken back. */
  #apply(dispatcher: Dispatcher, events: readonly DispatchEvent[], now: number): readonly Effect[] {
    const { effects: hands, pending } = this.#context;
    const effects = dispatcher.step(events, now);
    let undurable = hands.run(effects);
    while (undurable.length > 0) {
      const cancelled = undurable.map((callId) => ({ type: 'cancelled' as const, callId }));
      const further = dispatcher.step(cancelled, now);
      undurable = hands.run(further);
      effects.push(...further);
    }
    if (effects.length > 0 || events.some((e) => e.type !== 'tick')) pending.observed(now);
    return effects;
  }

  async #tick(): Promise<void> {
    try {
      await this.step([{ type: 'tick' }]);
    } catch (error) {
      // After six failures the runtime drops an alarm, and every timeout would end with it.
      console.error(JSON.stringify({ event: 'alarm_failed', error: String(error) }));
      await this.#alarm.arm(Date.now() + RETRY_MS);
    }
  }

  #setTimer(at: number, now: number): void {
    if (at >= this.#timerAt) return;
    this.#clearTimer();
    this.#timerAt = at;
    const ring = () => {
      this.#timerAt = Infinity;
      this.#context.waitUntil(this.#tick());
    };
    this.#timer = setTimeout(ring, Math.max(0, at - now));
  }

  #clearTimer(): void {
    clearTimeout(this.#timer);
    this.#timerAt = Infinity;
  }

  /** An alarm goes by the clock on the wall, and is a write that may fail: waits must end anyhow. */
  #startWatch(): void {
    this.#watch ??= setTimeout(() => {
      this.#watch = null;
      this.#context.waiters.forgetUncollected();
      this.#context.waitUntil(this.#tick());
    }, WATCH_MS);
  }

  #endWatch(): void {
    clearTimeout(this.#watch);
    this.#watch = null;
  }
}

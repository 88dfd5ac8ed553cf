/**
 * The driver of the dispatcher in a tenant's object: every event passes through here. It carries
 * out the effects, writes what was learned, and goes on when something is due (loop-timers.ts). It
 * decides nothing about calls; that is src/core/dispatch/dispatcher.ts.
 */
import { toDispatcherConfig } from '../../src/config/dispatcher-config.ts';
import type { TenantConfig } from '../../src/config/schema.ts';
import type { DispatchEvent, Effect } from '../../src/core/dispatch/dispatch-events.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import { logFailure } from '../../src/protocol/log-line.ts';
import type { CallCounters } from './call-counters.ts';
import type { EffectRunner } from './effect-runner.ts';
import { LoopTimers } from './loop-timers.ts';
import type { PendingBatch } from './pending-batch.ts';
import { restoreDispatcher } from './restore.ts';
import { RunSlices } from './run-slices.ts';
import type { TenantStore } from './tenant-store.ts';
import type { Waiters } from './waiters.ts';

/**
 * How often the rows of ended leases are looked at while there are some, ms; those that no grant has
 * overwritten since the last look are deleted. At 200 calls a second and more hardly any is.
 */
const ENDED_ROWS_MS = 5;

/** Pause before each slice of stored runs, ms, in which calls are answered. */
const READ_PAUSE_MS = 4;
/** Events of which nothing is to be stored. */
const UNSTORED: ReadonlySet<DispatchEvent['type']> = new Set(['tick', 'runs-read']);

export interface LoopContext {
  readonly storage: DurableObjectStorage;
  readonly store: TenantStore;
  readonly effects: EffectRunner;
  readonly pending: PendingBatch;
  readonly waiters: Waiters;
  /** Called after each step, with its events and effects. */
  readonly stepped?: (events: readonly DispatchEvent[], effects: readonly Effect[]) => void;
  readonly counters: CallCounters;
  /** Called when the metrics have changed. */
  readonly onCounted: () => void;
  /** Keeps the object in memory until a promise has settled. */
  waitUntil(promise: Promise<unknown>): void;
}

export class DispatchLoop {
  readonly #context: LoopContext;
  readonly #timers: LoopTimers;
  #dispatcher: Dispatcher | undefined;
  #endedRows: ReturnType<typeof setTimeout> | null = null;
  #reading: Promise<void> = Promise.resolve();

  constructor(context: LoopContext) {
    this.#context = context;
    this.#timers = new LoopTimers(context.storage, (isWatch) => {
      if (isWatch) context.waiters.forgetUncollected();
      context.waitUntil(this.#tick());
    });
  }

  /** Undefined while the tenant is not configured. */
  get dispatcher(): Dispatcher | undefined {
    return this.#dispatcher;
  }

  /** Applies a configuration; the first one restores the dispatcher from storage. */
  configure(tenant: TenantConfig): void {
    const config = toDispatcherConfig(tenant);
    const now = Date.now();
    if (this.#dispatcher) this.#apply(this.#dispatcher, [{ type: 'configured', config }], now);
    else {
      const { store, pending } = this.#context;
      this.#dispatcher = restoreDispatcher(config, store, now);
      pending.restored(this.#dispatcher.register.runs);
      this.#reading = this.#read(this.#dispatcher, new RunSlices(store.recorded));
      this.#context.waitUntil(this.#reading);
    }
  }

  /** Resolves once the finished runs that were stored before a restart are learned. */
  whenRead(): Promise<void> {
    return this.#reading;
  }

  /** Applies events and carries out their effects; does nothing before there is a configuration. */
  step(events: readonly DispatchEvent[]): Promise<readonly Effect[]> {
    return this.steps([events]);
  }

  /** The same of several groups of events, one after the other. Returns all effects. */
  async steps(groups: ReadonlyArray<readonly DispatchEvent[]>): Promise<readonly Effect[]> {
    const dispatcher = this.#dispatcher;
    if (!dispatcher) return [];
    const now = Date.now();
    const last = groups.length - 1;
    const effects = groups.flatMap((events, i) => this.#apply(dispatcher, events, now, i < last));
    const isWriting = effects.some(({ type }) => type === 'granted');
    if (this.#context.pending.isDue(now, isWriting)) this.flush();
    if (this.#context.store.leases.hasEnded) this.#deleteEndedSoon();
    await this.arm();
    return effects;
  }

  /** Writes what was learned; what cannot be written is kept for another try. False where it was not. */
  flush(): boolean {
    const dispatcher = this.#dispatcher;
    if (!dispatcher) return true;
    const { pending, store, counters } = this.#context;
    const now = Date.now();
    const batch = pending.take(dispatcher, now);
    try {
      pending.written(batch, store.saveBatch(batch), dispatcher);
      counters.wrote('batch', true);
      return true;
    } catch (error) {
      counters.wrote('batch', false);
      logFailure('batch_not_saved', error);
      pending.putBack(batch, dispatcher, now);
      return false;
    }
  }

  /** Deletes rows of ended leases. False where it cannot: they go with a grant or the next batch. */
  deleteEndedLeases(which: 'all' | 'old'): boolean {
    try {
      this.#context.store.leases.deleteEnded(which);
      return true;
    } catch (error) {
      logFailure('lease_not_deleted', error);
      return false;
    }
  }

  /** Sets the timers and the alarm, so that the object is in memory when something is due. */
  arm(): Promise<void> {
    const { pending, waiters } = this.#context;
    const now = Date.now();
    const due = Math.min(this.#dispatcher?.dueAt(now) ?? Infinity, pending.dueAt);
    return this.#timers.arm(due, waiters.size > 0, now);
  }

  /** Called when the alarm fires. */
  async onAlarm(): Promise<void> {
    this.#timers.alarmGone();
    // What is due by what was learned is done before the alarm has been answered.
    await this.#reading;
    await this.#tick();
  }

  /** Ends all calls; what was learned and is not written yet is dropped. */
  async shutDown(config: TenantConfig | undefined): Promise<void> {
    const { waiters, pending } = this.#context;
    if (config) {
      const noBackends = { ...toDispatcherConfig(config), backends: {} };
      await this.step([{ type: 'configured', config: noBackends }]);
    }
    // Whoever waits was refused, and nobody is waited for.
    waiters.clear();
    this.#dispatcher = undefined;
    pending.clear();
  }

  /** Called after all of the storage was deleted, the alarm included. */
  alarmDeleted(): void {
    this.#timers.alarmGone();
  }

  /**
   * Applies events and carries out the effects. A grant that could not be stored is taken back by
   * cancelling its call, which may grant the slot to another. `isPart`: more events of now follow.
   */
  #apply(
    dispatcher: Dispatcher,
    events: readonly DispatchEvent[],
    now: number,
    isPart = false,
  ): readonly Effect[] {
    const { effects: runner, pending, counters, onCounted } = this.#context;
    const before = counters.beforeStep(events, dispatcher, now);
    const effects = isPart ? dispatcher.apply(events, now) : dispatcher.step(events, now);
    counters.stepped(before, effects, dispatcher, now);
    let unsaved = runner.run(effects);
    while (unsaved.length > 0) {
      const cancelled = unsaved.map((callId) => ({ type: 'cancelled' as const, callId }));
      const more = dispatcher.step(cancelled, now);
      unsaved = runner.run(more);
      effects.push(...more);
    }
    if (effects.length > 0 || events.some(({ type }) => !UNSTORED.has(type))) {
      pending.observed(now);
      onCounted();
    }
    this.#context.stepped?.(events, effects);
    return effects;
  }

  /** Learns the stored runs, a slice at a time; where they cannot be read, those before that. */
  async #read(dispatcher: Dispatcher, slices: RunSlices): Promise<void> {
    while (dispatcher.isReading) {
      await new Promise<void>((resolve) => setTimeout(resolve, READ_PAUSE_MS));
      if (dispatcher !== this.#dispatcher) return;
      try {
        await this.step([slices.next()]);
      } catch (error) {
        logFailure('runs_not_read', error);
        await this.step([{ type: 'runs-read', part: 'last', runs: [] }]);
      }
    }
  }

  async #tick(): Promise<void> {
    try {
      await this.step([{ type: 'tick' }]);
    } catch (error) {
      // Not thrown: after six failures the runtime drops an alarm, and no timeout would fire again.
      logFailure('alarm_failed', error);
      await this.#timers.retry();
    }
  }

  /** The timer is not cleared by grants that overwrite the rows: setting it costs more. */
  #deleteEndedSoon(): void {
    this.#endedRows ??= setTimeout(() => {
      this.#endedRows = null;
      const { leases } = this.#context.store;
      const isDone = this.deleteEndedLeases('old');
      if (isDone && leases.hasEnded) this.#deleteEndedSoon();
    }, ENDED_ROWS_MS);
  }
}

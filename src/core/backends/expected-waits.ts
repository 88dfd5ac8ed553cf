/**
 * How long a call of one backend is expected to wait for a slot: by the calls before it and those that
 * run, and by how far such waits were off lately. What a waiting call is told of it is in
 * dispatch/queue-place.ts.
 */
import type { WaitingQueue } from '../order/waiting-queue.ts';
import type { LiveCall } from '../runs/live-run.ts';
import type { BackendSpeed } from './backend-speed.ts';
import type { EndpointPool } from './endpoint-pool.ts';
import { SlotForecast, type SlotInUse } from './slot-forecast.ts';
import { WaitCorrection } from './wait-correction.ts';

/** A forecast of free slots serves all who ask within this time while no call begins or ends, ms. */
const FORECAST_KEPT_MS = 100;

/** The part of a backend that is read here. */
export interface WaitsView {
  readonly pool: EndpointPool;
  readonly queue: WaitingQueue;
  readonly speed: BackendSpeed;
  /** Calls that wait, in the queue and beside it. */
  readonly waiting: number;
  freeSlots(now: number): number;
  /** Calls that hold a slot. */
  runningCalls(): ReadonlySet<LiveCall>;
}

export class ExpectedWaits {
  readonly correction = new WaitCorrection();
  /** The same of waits that were forecast by draws. */
  readonly forecastCorrection = new WaitCorrection();
  readonly #backend: WaitsView;
  #forecast: { readonly at: number; readonly slots: SlotForecast } | undefined;

  constructor(backend: WaitsView) {
    this.#backend = backend;
  }

  /** A call got a slot: the wait that it was told is over. */
  granted(call: LiveCall, now: number): void {
    this.#forecast = undefined;
    if (!call.told) return;
    const { at, callsAhead, explainedMs, isForecast } = call.told;
    call.told = undefined;
    if (call.coldSince !== undefined) return;
    const correction = isForecast ? this.forecastCorrection : this.correction;
    correction.observe(callsAhead, explainedMs, now - at);
  }

  /** A call gave its slot back. */
  released(): void {
    this.#forecast = undefined;
  }

  /**
   * Expected wait of a call that goes after all that wait now, ms: by what they and the calls that run
   * are expected to take, and by how far such waits were off lately.
   */
  lastMs(now: number): number {
    const { queue, speed, waiting, pool } = this.#backend;
    if (speed.calls === 0) return this.meanMs();
    const { load } = queue;
    const others = waiting - queue.size;
    const calls = load.calls + others;
    const workMs = load.workMs + others * speed.meanServiceMs;
    const explainedMs = this.explainedMs(calls, workMs, now);
    return pool.startMs(now) + explainedMs * this.correction.of(calls);
  }

  /** The same by the mean service time alone, for forecasts, ms. */
  meanMs(): number {
    const { pool, speed, waiting } = this.#backend;
    const slots = pool.takingSlots;
    const coldMs = pool.isWarm ? 0 : pool.coldStartMs;
    const ahead = Math.max(0, waiting + pool.slotsInUse - slots + 1);
    return coldMs + (slots > 0 ? (ahead * speed.meanServiceMs) / slots : 0);
  }

  /** The wait for a slot that `calls` before it explain, which take `workMs` together, ms. */
  explainedMs(calls: number, workMs: number, now: number): number {
    const { pool } = this.#backend;
    const running = this.#backend.runningCalls();
    if (running.size === 0) {
      const slots = pool.takingSlots;
      // Nothing runs: all slots are there, or come with the endpoint that starts.
      return calls < slots || calls === 0
        ? 0
        : ((calls + 1 - slots) / calls) * (workMs / Math.max(1, slots));
    }
    if (!this.#forecast || Math.abs(now - this.#forecast.at) >= FORECAST_KEPT_MS) {
      this.#forecast = { at: now, slots: new SlotForecast(inUse(running, now), pool.slotsInUse) };
    }
    const { at, slots } = this.#forecast;
    return Math.max(0, slots.waitMs(calls, workMs, this.#backend.freeSlots(now)) - (now - at));
  }
}

function* inUse(running: Iterable<LiveCall>, now: number): Iterable<SlotInUse> {
  for (const { lease, expectedMs, slots } of running) {
    if (lease) yield { elapsedMs: Math.max(0, now - lease.grantedAt), expectedMs, slots };
  }
}

/**
 * Sends wake and release requests from the tenant's object to its endpoints, at once: a forecast's
 * wakes go out within the minute of the cron. Which endpoints to wake or release is decided in
 * src/core/prewarm.
 *
 * An endpoint is asked by one loop at a time. An order that comes meanwhile joins it: the loop then
 * asks as long as the newest order says, and reports to that one.
 */

import { type PingTarget, pingTargetOf } from '../../src/auth/endpoint-target.ts';
import type { TenantConfig } from '../../src/config/schema.ts';
import { type ReleaseResult, releaseEndpoint } from '../../src/endpoints/release.ts';
import { wakeEndpoint } from '../../src/endpoints/wake.ts';
import type { PingOrder, WakeReport } from '../../src/protocol/tenant.ts';

export interface PingContext {
  /** The Worker's environment, with the endpoints' keys. */
  readonly env: object;
  readonly tenant: string;
  config(): TenantConfig | undefined;
  /** Called when a wake has ended. */
  wakeAnswered(order: PingOrder, report: WakeReport): Promise<void>;
  /** Called when a release has ended. */
  releaseAnswered(order: PingOrder, result: ReleaseResult): Promise<void>;
  /** Keeps the object in memory until a promise has settled. */
  waitUntil(promise: Promise<unknown>): void;
}

const NO_TARGET = 'its key is missing, or it is not configured';
/** Time for which the endpoint is asked in any case, ms. */
const LEAST_PATIENCE_MS = 1_000;

const NOT_ASKED = { ok: false, tookMs: 0 };

/** The requests that wake one endpoint, one after the other. */
interface WakeLoop {
  /** The newest order, and when it came, epoch ms. */
  order: PingOrder;
  at: number;
}

export class Pings {
  readonly #context: PingContext;
  readonly #loops = new Map<string, WakeLoop>();
  /** Releases in progress, by endpoint: a wake must not overtake one. */
  readonly #releases = new Map<string, Promise<ReleaseResult>>();

  constructor(context: PingContext) {
    this.#context = context;
  }

  wake(order: PingOrder): void {
    const key = keyOf(order);
    const running = this.#loops.get(key);
    if (running) {
      Object.assign(running, { order, at: Date.now() });
      return;
    }
    const loop = { order, at: Date.now() };
    this.#loops.set(key, loop);
    this.#context.waitUntil(this.#wake(loop, key));
  }

  /** Tells an endpoint to go cold. */
  release(order: PingOrder): void {
    const key = keyOf(order);
    const released = this.#release(order).then((result) => {
      this.#releases.delete(key);
      const { ok, reason } = result;
      if (!ok) console.error(JSON.stringify({ event: 'release_failed', ...order, reason }));
      return result;
    });
    this.#releases.set(key, released);
    this.#context.waitUntil(released.then((r) => this.#context.releaseAnswered(order, r)));
  }

  async #wake(loop: WakeLoop, key: string): Promise<void> {
    let [refusals, askedMs] = [0, 0];
    let order: PingOrder;
    let report: WakeReport;
    do {
      order = loop.order;
      report = await this.#ask(loop, key);
      refusals += report.refusals ?? 0;
      askedMs += report.tookMs;
      // The patience of the order that the requests began with has ended, not that of a newer one.
    } while (!report.ok && loop.order !== order);
    this.#loops.delete(key);
    // The requests' own time does not count what the clock has leapt.
    const sinceMs = Date.now() - loop.at;
    const tookMs = sinceMs < 0 ? askedMs : Math.min(sinceMs, askedMs);
    const { ok, reason } = report;
    if (!ok) console.error(JSON.stringify({ event: 'wake_failed', ...order, tookMs, reason }));
    await this.#context.wakeAnswered(loop.order, { ...report, tookMs, refusals });
  }

  /** Asks the endpoint until it is up, turns out broken, or the order's patience has ended. */
  async #ask({ order, at }: WakeLoop, key: string): Promise<WakeReport> {
    try {
      const config = this.#context.config();
      await this.#releases.get(key);
      const ping = config && (await this.#target(config, order));
      if (!ping) return { ...NOT_ASKED, reason: NO_TARGET };
      const leftMs = ping.patienceMs - Math.max(0, Date.now() - at);
      return await wakeEndpoint(ping.adapter, ping.target, Math.max(leftMs, LEAST_PATIENCE_MS));
    } catch (error) {
      console.error(JSON.stringify({ event: 'wake_not_sent', error: String(error) }));
      return { ...NOT_ASKED, reason: 'the requests could not be made' };
    }
  }

  async #release(order: PingOrder): Promise<ReleaseResult> {
    try {
      const config = this.#context.config();
      const ping = config && (await this.#target(config, order));
      if (!ping) return { ok: false, reason: NO_TARGET };
      return await releaseEndpoint(ping.adapter, ping.target);
    } catch (error) {
      console.error(JSON.stringify({ event: 'release_broke', error: String(error) }));
      return { ok: false, reason: 'the requests could not be made' };
    }
  }

  #target(config: TenantConfig, order: PingOrder): Promise<PingTarget | undefined> {
    return pingTargetOf(config, order, { ...this.#context.env }, this.#context.tenant);
  }
}

function keyOf({ backend, endpoint }: PingOrder): string {
  return JSON.stringify([backend, endpoint]);
}

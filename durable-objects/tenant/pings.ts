/**
 * Sends wake and release requests from the tenant's object to its endpoints, at once: a forecast's
 * wakes go out within the minute of the cron. Which endpoints to wake or release is decided in
 * src/core/prewarm.
 *
 * An endpoint is asked by one loop at a time, which later orders join (endpoints/joined-wake.ts).
 */

import { type PingTarget, pingTargetOf, secretsIn } from '../../src/auth/endpoint-target.ts';
import type { TenantConfig } from '../../src/config/schema.ts';
import { JoinedWake } from '../../src/endpoints/joined-wake.ts';
import { type ReleaseResult, releaseEndpoint } from '../../src/endpoints/release.ts';
import { type WakeResult, wakeEndpoint } from '../../src/endpoints/wake.ts';
import { logError, logFailure } from '../../src/protocol/log-line.ts';
import type { PingOrder, WakeReport } from '../../src/protocol/orders.ts';

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

/** Why nothing was asked, for the operator. */
export const NO_TARGET = 'its key is missing, or it is not configured';
export const NOT_SENT = 'the requests could not be made';
const NOT_ASKED = { ok: false, tookMs: 0, refusals: 0 };

export class Pings {
  readonly #context: PingContext;
  readonly #wakes = new Map<string, JoinedWake<PingOrder>>();
  /** Releases in progress, by endpoint: a wake must not overtake one. */
  readonly #releases = new Map<string, Promise<ReleaseResult>>();

  constructor(context: PingContext) {
    this.#context = context;
  }

  wake(order: PingOrder): void {
    const key = keyOf(order);
    const running = this.#wakes.get(key);
    if (running) return running.join(order, Date.now());
    const wake = new JoinedWake(order, Date.now());
    this.#wakes.set(key, wake);
    this.#context.waitUntil(this.#wake(wake, key));
  }

  /** Tells an endpoint to go cold. */
  release(order: PingOrder): void {
    const key = keyOf(order);
    const released = this.#release(order).then((result) => {
      this.#releases.delete(key);
      const { ok, reason } = result;
      if (!ok) logError('release_failed', { ...order, reason });
      return result;
    });
    this.#releases.set(key, released);
    this.#context.waitUntil(released.then((r) => this.#context.releaseAnswered(order, r)));
  }

  async #wake(wake: JoinedWake<PingOrder>, key: string): Promise<void> {
    let report: WakeResult | undefined;
    while (!report) report = wake.ended(await this.#ask(wake, key), Date.now());
    this.#wakes.delete(key);
    const { order } = wake;
    const { ok, tookMs, reason } = report;
    if (!ok) logError('wake_failed', { ...order, tookMs, reason });
    await this.#context.wakeAnswered(order, report);
  }

  /** Asks the endpoint until it is up, turns out broken, or the order's patience has ended. */
  async #ask(wake: JoinedWake<PingOrder>, key: string): Promise<WakeResult> {
    try {
      const config = this.#context.config();
      await this.#releases.get(key);
      const ping = await targetOf(this.#context, wake.order, config);
      if (!ping) return { ...NOT_ASKED, reason: NO_TARGET };
      const leftMs = wake.ask(wake.order.patienceMs ?? ping.patienceMs, Date.now());
      return await wakeEndpoint(ping.adapter, ping.target, leftMs);
    } catch (error) {
      logFailure('wake_not_sent', error);
      return { ...NOT_ASKED, reason: NOT_SENT };
    }
  }

  async #release(order: PingOrder): Promise<ReleaseResult> {
    try {
      const ping = await targetOf(this.#context, order);
      if (!ping) return { ok: false, reason: NO_TARGET };
      return await releaseEndpoint(ping.adapter, ping.target);
    } catch (error) {
      logFailure('release_broke', error);
      return { ok: false, reason: NOT_SENT };
    }
  }
}

/** How an endpoint is asked; undefined without its key, or where it is not configured (any more). */
export async function targetOf(
  { env, tenant, config }: Pick<PingContext, 'env' | 'tenant' | 'config'>,
  order: PingOrder,
  present = config(),
): Promise<PingTarget | undefined> {
  return present && pingTargetOf(present, order, secretsIn(env), tenant);
}

/** The endpoint of an order. */
export function keyOf({ backend, endpoint }: Pick<PingOrder, 'backend' | 'endpoint'>): string {
  return JSON.stringify([backend, endpoint]);
}

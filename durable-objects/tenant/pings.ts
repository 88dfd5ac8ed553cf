/**
 * Sends wake and release requests from the tenant's object to its endpoints, at once: a forecast's
 * wakes go out within the minute of the cron. Which endpoints to wake or release is decided in
 * src/core/prewarm.
 */

import { type PingTarget, pingTargetOf } from '../../src/auth/endpoint-target.ts';
import type { TenantConfig } from '../../src/config/schema.ts';
import { type ReleaseResult, releaseEndpoint } from '../../src/endpoints/release.ts';
import { wakeEndpoint } from '../../src/endpoints/wake.ts';
import type { PingOrder } from '../../src/protocol/tenant.ts';

export interface PingContext {
  readonly env: Env;
  readonly tenant: string;
  config(): TenantConfig | undefined;
  /** Called when a wake has ended. */
  wakeAnswered(order: PingOrder, ok: boolean, tookMs: number): Promise<void>;
  /** Keeps the object in memory until a promise has settled. */
  waitUntil(promise: Promise<unknown>): void;
}

export class Pings {
  readonly #context: PingContext;
  /** Releases in progress, by endpoint: a wake must not overtake one. */
  readonly #releases = new Map<string, Promise<void>>();

  constructor(context: PingContext) {
    this.#context = context;
  }

  wake(order: PingOrder): void {
    this.#context.waitUntil(this.#wake(order));
  }

  /** Tells an endpoint to go cold. Where that fails, it goes cold by its own idle timeout. */
  release(order: PingOrder): void {
    const config = this.#context.config();
    if (!config) return;
    const key = keyOf(order);
    const released = this.#release(config, order)
      .then(({ ok, reason }) => {
        if (!ok) console.error(JSON.stringify({ event: 'release_failed', ...order, reason }));
      })
      .finally(() => this.#releases.delete(key));
    this.#releases.set(key, released);
    this.#context.waitUntil(released);
  }

  async #wake(order: PingOrder): Promise<void> {
    const config = this.#context.config();
    if (!config) return;
    await this.#releases.get(keyOf(order));
    const ping = await this.#target(config, order);
    const { ok, tookMs } = ping
      ? await wakeEndpoint(ping.adapter, ping.target, ping.patienceMs)
      : { ok: false, tookMs: 0 };
    await this.#context.wakeAnswered(order, ok, tookMs);
  }

  async #release(config: TenantConfig, order: PingOrder): Promise<ReleaseResult> {
    const ping = await this.#target(config, order);
    if (!ping) return { ok: false, reason: 'its key is missing, or it is not configured' };
    return releaseEndpoint(ping.adapter, ping.target);
  }

  #target(config: TenantConfig, order: PingOrder): Promise<PingTarget | undefined> {
    return pingTargetOf(config, order, { ...this.#context.env }, this.#context.tenant);
  }
}

function keyOf({ backend, endpoint }: PingOrder): string {
  return JSON.stringify([backend, endpoint]);
}

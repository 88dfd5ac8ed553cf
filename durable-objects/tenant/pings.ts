/** Wakes endpoints, and tells them to go cold, from the tenant's object: within the minute of the cron. */

import { type PingTarget, pingTargetOf } from '../../src/auth/endpoint-target.ts';
import type { TenantConfig } from '../../src/config/schema.ts';
import { releaseEndpoint, wakeEndpoint } from '../../src/endpoints/wake.ts';
import type { PingOrder } from '../../src/protocol/tenant.ts';

export interface PingContext {
  readonly env: Env;
  readonly tenant: string;
  config(): TenantConfig | undefined;
  /** How a wake ended. */
  wakeAnswered(order: PingOrder, ok: boolean, tookMs: number): Promise<void>;
  /** Keeps the object until a promise has settled. */
  waitUntil(promise: Promise<unknown>): void;
}

export class Pings {
  readonly #context: PingContext;
  /** Endpoints that are being told to go cold: a wake must not overtake that. */
  readonly #releases = new Map<string, Promise<void>>();

  constructor(place: PingContext) {
    this.#context = place;
  }

  wake(order: PingOrder): void {
    this.#context.waitUntil(this.#wake(order));
  }

  /** Where it cannot be told, it goes cold by its own timeout: nothing depends on it. */
  release(order: PingOrder): void {
    const config = this.#context.config();
    if (!config) return;
    const key = keyOf(order);
    const told = this.#release(config, order)
      .then((ok) => {
        if (!ok) console.error(JSON.stringify({ event: 'release_failed', ...order }));
      })
      .finally(() => this.#releases.delete(key));
    this.#releases.set(key, told);
    this.#context.waitUntil(told);
  }

  async #wake(order: PingOrder): Promise<void> {
    const config = this.#context.config();
    if (!config) return;
    await this.#releases.get(keyOf(order));
    const found = await this.#find(config, order);
    const { ok, tookMs } = found
      ? await wakeEndpoint(found.adapter, found.target, found.patienceMs)
      : { ok: false, tookMs: 0 };
    await this.#context.wakeAnswered(order, ok, tookMs);
  }

  async #release(config: TenantConfig, order: PingOrder): Promise<boolean> {
    const found = await this.#find(config, order);
    return found !== undefined && releaseEndpoint(found.adapter, found.target);
  }

  #find(config: TenantConfig, order: PingOrder): Promise<PingTarget | undefined> {
    return pingTargetOf(config, order, { ...this.#context.env }, this.#context.tenant);
  }
}

function keyOf({ backend, endpoint }: PingOrder): string {
  return JSON.stringify([backend, endpoint]);
}

/**
 * Sends the requests by which the tenant's endpoints load adapters. Which are loaded where is decided
 * in src/core/backends/load-choice.ts, what an engine is asked in src/endpoints/lora.ts.
 */
import { type LoraResult, loadLora } from '../../src/endpoints/lora.ts';
import { logError, logFailure } from '../../src/protocol/log-line.ts';
import type { AdapterOrder } from '../../src/protocol/orders.ts';
import { keyOf, NO_TARGET, NOT_SENT, type PingContext, targetOf } from './pings.ts';

export interface AdapterContext
  extends Pick<PingContext, 'env' | 'tenant' | 'config' | 'waitUntil'> {
  /** Called when a load has ended. */
  loaded(order: AdapterOrder, result: LoraResult): Promise<void>;
}

const FAILED = { ok: false, unloaded: [], tookMs: 0 };

export class AdapterOrders {
  readonly #context: AdapterContext;
  /** The last load at each endpoint: they are made one after the other. */
  readonly #last = new Map<string, Promise<void>>();

  constructor(context: AdapterContext) {
    this.#context = context;
  }

  load(order: AdapterOrder): void {
    const key = keyOf(order);
    const done = this.#run(order, this.#last.get(key)).finally(() => {
      if (this.#last.get(key) === done) this.#last.delete(key);
    });
    this.#last.set(key, done);
    this.#context.waitUntil(done);
  }

  async #run(order: AdapterOrder, before: Promise<void> | undefined): Promise<void> {
    await before;
    const result = await this.#ask(order);
    const { ok, reason } = result;
    if (!ok) {
      const { backend, endpoint, adapter } = order;
      logError('adapter_not_loaded', { backend, endpoint, adapter, reason });
    }
    await this.#context.loaded(order, result);
  }

  async #ask(order: AdapterOrder): Promise<LoraResult> {
    try {
      const present = this.#context.config();
      const ping = await targetOf(this.#context, order, present);
      const engine = present?.backends[order.backend]?.lora.engine;
      if (!ping || !engine) return { ...FAILED, reason: NO_TARGET };
      return await loadLora(ping.target, { engine, ...order }, order.patienceMs);
    } catch (error) {
      logFailure('adapter_not_sent', error);
      return { ...FAILED, reason: NOT_SENT };
    }
  }
}

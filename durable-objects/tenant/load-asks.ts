/**
 * Asks engines for their load from the tenant's object, beside the calls; when is decided in
 * src/core/backends/engine-slots.ts.
 */
import { askLoad, type ToldLoad } from '../../src/endpoints/ask-load.ts';
import type { EngineLoad, LoadForm } from '../../src/endpoints/engine-load.ts';
import { logFailure } from '../../src/protocol/log-line.ts';
import type { PingOrder } from '../../src/protocol/orders.ts';
import { type PingContext, targetOf } from './pings.ts';

export interface LoadContext extends Pick<PingContext, 'env' | 'tenant' | 'config' | 'waitUntil'> {
  told(order: PingOrder, load: EngineLoad | undefined): Promise<unknown>;
}

/** Endpoints whose way to tell is remembered; with more, all are found out anew. */
const MOST_FORMS = 1_000;

export class LoadAsks {
  readonly #context: LoadContext;
  /** How each endpoint told its load, by its URL; forgotten where it does not any more. */
  readonly #forms = new Map<string, LoadForm>();

  constructor(context: LoadContext) {
    this.#context = context;
  }

  ask(order: PingOrder): void {
    const told = this.#ask(order).then((load) => this.#context.told(order, load));
    this.#context.waitUntil(told);
  }

  async #ask(order: PingOrder): Promise<EngineLoad | undefined> {
    try {
      const ping = await targetOf(this.#context, order);
      if (!ping?.adapter.tellsLoad || ping.target.model === undefined) return undefined;
      const { url } = ping.target;
      const told = await askLoad(ping.target, this.#forms.get(url));
      this.#remember(url, told);
      return told?.load;
    } catch (error) {
      logFailure('load_not_asked', error);
      return undefined;
    }
  }

  #remember(url: string, told: ToldLoad | undefined): void {
    if (this.#forms.size >= MOST_FORMS) this.#forms.clear();
    if (told) this.#forms.set(url, told.form);
    else this.#forms.delete(url);
  }
}

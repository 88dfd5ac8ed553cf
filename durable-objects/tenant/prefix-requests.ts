/**
 * Sends the requests by which endpoints read prefixes ahead of calls, from the tenant's object. What
 * is read where is decided in src/core/prewarm/prefix-reads.ts, and kept in prefix-texts.ts.
 */
import { type ReadResult, readPrefix } from '../../src/endpoints/read-prefix.ts';
import { logFailure } from '../../src/protocol/log-line.ts';
import type { PrefixOrder, PrefixText } from '../../src/protocol/orders.ts';
import { keyOf, NO_TARGET, NOT_SENT, type PingContext, targetOf } from './pings.ts';

export interface PrefixContext
  extends Pick<PingContext, 'env' | 'tenant' | 'config' | 'waitUntil'> {
  /** The request that reads a prefix; undefined where its text is gone. */
  text(order: PrefixOrder): Pick<PrefixText, 'path' | 'body'> | undefined;
  /** Called when a read has ended. */
  answered(order: PrefixOrder, result: ReadResult): Promise<unknown>;
}

const FAILED = { ok: false, tookMs: 0 };

export class PrefixRequests {
  readonly #context: PrefixContext;
  /** Ends the read that an endpoint is at. */
  readonly #stops = new Map<string, AbortController>();

  constructor(context: PrefixContext) {
    this.#context = context;
  }

  read(order: PrefixOrder): void {
    const key = keyOf(order);
    const stop = new AbortController();
    this.#stops.set(key, stop);
    const answered = this.#ask(order, stop.signal).then((result) => {
      if (this.#stops.get(key) === stop) this.#stops.delete(key);
      const { ok, reason } = result;
      const { backend, endpoint } = order;
      if (!ok)
        console.warn(JSON.stringify({ event: 'prefix_not_read', backend, endpoint, reason }));
      return this.#context.answered(order, result);
    });
    this.#context.waitUntil(answered);
  }

  /** Nobody waits for the endpoint's read any more. */
  stop(at: Pick<PrefixOrder, 'backend' | 'endpoint'>): void {
    this.#stops.get(keyOf(at))?.abort();
  }

  async #ask(order: PrefixOrder, stop: AbortSignal): Promise<ReadResult> {
    try {
      const ping = await targetOf(this.#context, order);
      const text = this.#context.text(order);
      if (!ping || !text) return { ...FAILED, reason: NO_TARGET };
      const { patienceMs } = order;
      const { callHeaders } = ping.adapter;
      return await readPrefix(ping.target, { ...text, patienceMs, headers: callHeaders }, stop);
    } catch (error) {
      logFailure('prefix_not_sent', error);
      return { ...FAILED, reason: NOT_SENT };
    }
  }
}

/**
 * The requests that the tenant's object sends to its endpoints beside calls: wakes and releases, questions
 * for the load, loads of adapters and reads of prefixes. Each answer comes back to the dispatcher as an
 * event. Which are sent and when, the dispatcher's effects say (effect-runner.ts).
 */
import type { DispatchEvent } from '../../src/core/dispatch/dispatch-events.ts';
import { AdapterOrders } from './adapter-orders.ts';
import type { EffectContext } from './effect-runner.ts';
import { LoadAsks } from './load-asks.ts';
import { type PingContext, Pings } from './pings.ts';
import { PrefixRequests } from './prefix-requests.ts';
import type { TenantStore } from './tenant-store.ts';

export interface EndpointRequestsContext
  extends Pick<PingContext, 'env' | 'tenant' | 'config' | 'waitUntil' | 'wakeAnswered'> {
  readonly store: TenantStore;
  /** Hands events to the dispatcher. */
  step(events: readonly DispatchEvent[]): Promise<unknown>;
}

/** How each kind of request is sent; none of them waits for its answer. */
export type EndpointRequests = Pick<
  EffectContext,
  'wake' | 'release' | 'askLoad' | 'loadAdapter' | 'readPrefix' | 'stopRead'
>;

export function endpointRequests(context: EndpointRequestsContext): EndpointRequests {
  const { env, tenant, config, waitUntil, store, step, wakeAnswered } = context;
  const common = { env, tenant, config, waitUntil };
  const pings = new Pings({
    ...common,
    wakeAnswered,
    async releaseAnswered({ backend, endpoint }, result) {
      await step([{ type: 'release-answered', backend, endpoint, ...result }]);
    },
  });
  const asks = new LoadAsks({
    ...common,
    told: ({ backend, endpoint }, load) =>
      step([{ type: 'load-told', backend, endpoint, ...(load ? { load } : {}) }]),
  });
  const adapters = new AdapterOrders({
    ...common,
    async loaded({ backend, endpoint, adapter, loadAt }, report) {
      await step([{ type: 'adapter-answered', backend, endpoint, adapter, loadAt, ...report }]);
    },
  });
  const reads = new PrefixRequests({
    ...common,
    text: ({ backend, link }) => store.prefixes.take(backend, link, Date.now()),
    answered: ({ backend, endpoint, readAt }, result) =>
      step([{ type: 'prefix-answered', backend, endpoint, readAt, ...result }]),
  });
  return {
    wake: (order) => pings.wake(order),
    release: (order) => pings.release(order),
    askLoad: (order) => asks.ask(order),
    loadAdapter: (order) => adapters.load(order),
    readPrefix: (order) => reads.read(order),
    stopRead: (order) => reads.stop(order),
  };
}

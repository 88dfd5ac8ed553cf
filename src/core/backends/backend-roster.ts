/**
 * The backends of a tenant: the configured ones, and removed ones that still have running calls. A
 * change of the configuration never forgets a running call.
 */

import type { WaitingQueue } from '../order/waiting-queue.ts';
import { SERVICE_SPEED } from '../runs/demand.ts';
import type { LiveCall } from '../runs/live-run.ts';
import { Backend } from './backend.ts';
import type { BackendSpec } from './backend-spec.ts';
import type { Endpoint } from './endpoint.ts';

/** Specification of an unconfigured backend that has calls from before a restart. */
const NO_ENDPOINTS: BackendSpec = {
  endpoints: [],
  queueDepth: 0,
  maxWaitMs: 0,
  maxWaitColdMs: 0,
  whileCold: 'hold',
  speed: SERVICE_SPEED,
  prewarm: { mode: 'off', theta: 1 },
};

export class BackendRoster {
  readonly all = new Map<string, Backend>();
  readonly #newQueue: () => WaitingQueue;

  /** `newQueue` makes a queue in the order of the configured policy. */
  constructor(newQueue: () => WaitingQueue) {
    this.#newQueue = newQueue;
  }

  /** Applies a configuration. Returns the waiting calls of removed backends, to be refused. */
  configure(specs: Readonly<Record<string, BackendSpec>>, now: number): LiveCall[] {
    const refused: LiveCall[] = [];
    for (const [name, backend] of this.all) {
      if (!Object.hasOwn(specs, name)) refused.push(...this.#retire(backend, now));
    }
    for (const [name, spec] of Object.entries(specs)) this.#adopt(name, spec, now);
    return refused;
  }

  /**
   * The endpoint that holds calls from before a restart. One that is no longer configured is added
   * as draining, so that its calls are still counted.
   */
  holder(name: string, endpoint: string, now: number): Endpoint {
    let backend = this.all.get(name);
    if (!backend) {
      backend = new Backend(name, NO_ENDPOINTS, this.#newQueue(), now);
      backend.removed = true;
      this.all.set(name, backend);
    }
    return backend.endpoints.get(endpoint) ?? backend.pool.addDraining(endpoint, now);
  }

  /** A call has ended: forgets its endpoint and backend if they are removed and have no calls. */
  forgetIfDrained(backend: Backend, endpoint: string): void {
    backend.pool.forgetIfDrained(endpoint);
    if (backend.removed && backend.endpoints.size === 0) this.all.delete(backend.name);
  }

  #adopt(name: string, spec: BackendSpec, now: number): void {
    const queue = this.#newQueue();
    const existing = this.all.get(name);
    if (!existing) {
      this.all.set(name, new Backend(name, spec, queue, now));
      return;
    }
    existing.configure(spec, now);
    // The policy may have changed, so all waiting calls join a new queue, in order of submission.
    const waiting = [...existing.queue.calls()].sort((a, b) => a.seq - b.seq);
    for (const call of waiting) existing.heldBack.release(call, now);
    existing.queue = queue;
    for (const call of waiting) existing.enqueue(call, now);
  }

  /** Removes an unconfigured backend. Running calls go on; waiting ones are returned. */
  #retire(backend: Backend, now: number): LiveCall[] {
    const waiting = [...backend.waitingCalls()];
    for (const call of waiting) backend.dequeue(call, now);
    backend.remove();
    if (backend.endpoints.size === 0) this.all.delete(backend.name);
    return waiting;
  }
}

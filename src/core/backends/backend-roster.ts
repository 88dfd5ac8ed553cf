/**
 * Which backends there are: those that are configured, and those that are no more but still have
 * calls. Nothing that runs is forgotten with the configuration that named it.
 */

import type { WaitingQueue } from '../order/waiting-queue.ts';
import { SERVICE_SPEED } from '../runs/demand.ts';
import type { LiveCall } from '../runs/live-run.ts';
import { Backend } from './backend.ts';
import type { BackendSpec } from './backend-spec.ts';
import type { Endpoint } from './endpoint.ts';

/** Of a backend that only calls from before a restart are at. */
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

  /** `newLine`: in the order of the policy that is in force. */
  constructor(newLine: () => WaitingQueue) {
    this.#newQueue = newLine;
  }

  /** Takes over a configuration. Answers the calls that wait at backends that are gone. */
  configure(specs: Readonly<Record<string, BackendSpec>>, now: number): LiveCall[] {
    const inVain: LiveCall[] = [];
    for (const [name, backend] of this.all) {
      if (!Object.hasOwn(specs, name)) inVain.push(...this.#retire(backend));
    }
    for (const [name, spec] of Object.entries(specs)) this.#adopt(name, spec, now);
    return inVain;
  }

  /** An endpoint that calls are at; one that is configured no more drains, and counts on. */
  holder(name: string, endpoint: string, now: number): Endpoint {
    let backend = this.all.get(name);
    if (!backend) {
      backend = new Backend(name, NO_ENDPOINTS, this.#newQueue(), now);
      backend.removed = true;
      this.all.set(name, backend);
    }
    return backend.endpoints.get(endpoint) ?? backend.addDraining(endpoint, now);
  }

  /** A call is over at an endpoint, and with the last one what is configured no more. */
  forgetIfDrained(backend: Backend, endpoint: string): void {
    backend.forgetIfDrained(endpoint);
    if (backend.removed && backend.endpoints.size === 0) this.all.delete(backend.name);
  }

  #adopt(name: string, spec: BackendSpec, now: number): void {
    const queue = this.#newQueue();
    const known = this.all.get(name);
    if (!known) {
      this.all.set(name, new Backend(name, spec, queue, now));
      return;
    }
    known.configure(spec, now);
    // The order may be another policy's now: everybody who waits joins a new line.
    const waiting = [...known.queue.calls()].sort((a, b) => a.seq - b.seq);
    known.queue = queue;
    for (const call of waiting) queue.add(call);
  }

  /** A backend that is configured no more: its running calls end, its waiting ones are turned away. */
  #retire(backend: Backend): LiveCall[] {
    const waiting = [...backend.queue.calls()];
    for (const call of waiting) backend.queue.remove(call);
    backend.remove();
    if (backend.endpoints.size === 0) this.all.delete(backend.name);
    return waiting;
  }
}

/**
 * What lies between the isolates of the Worker and a tenant's object: requests and answers that take
 * their time, get lost or arrive although nobody waits any more; and the timers of requests, which end
 * with them. In virtual time, on the object's host.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { TenantObject } from '../../durable-objects/tenant/tenant.ts';
import type { LoanTurn } from '../../src/protocol/loans.ts';
import type { Handling, Link, LinkWatch } from './loan-link.ts';
import type { ObjectHost } from './object-host.ts';

/** How long a request waits on a link that carries nothing. */
export const MUTE_REJECTS_MS = 1_000;
const DISPOSED_AFTER_MS = 2;

interface Plan {
  readonly at: number;
  readonly act: () => unknown;
}

export interface Asking<T> {
  /** The incarnation of the object that is meant. */
  readonly only?: number;
  /** Called with an answer that does not arrive. */
  readonly onLost?: (value: T) => void;
}

export type Act<T> = (object: TenantObject) => Promise<T>;

export class LoanNetwork {
  readonly host: ObjectHost;
  /** The process of the object dies in the next event before its writes are durable. */
  dyingNext = false;
  /** The last turns that arrived at the present object, which may come a second time. */
  turns: LoanTurn[] = [];
  /** Turns that were sent and have not arrived. */
  underWay = 0;
  readonly watch: LinkWatch = {
    onSent: () => {},
    onArrived: () => {},
    onAnswered: () => {},
    onTurn: () => {},
    onFailed: () => {},
    onQueued: () => {},
  };
  readonly #handled = new AsyncLocalStorage<Handling>();
  readonly #open = new Set<{ readonly incarnation: number; readonly cut: () => void }>();
  #plans: Plan[] = [];
  #incarnation = 0;

  constructor(host: ObjectHost) {
    this.host = host;
  }

  /** What Date.now() answers: an isolate's time within its requests, else that of the object. */
  readonly now = (): number => {
    const handling = this.#handled.getStore();
    return handling ? this.host.clock(handling.clock.aheadMs) : this.host.wall;
  };

  /** When the next message arrives or the next timer of a request fires, in elapsed ms. */
  get dueAt(): number {
    let due = Infinity;
    for (const { at } of this.#plans) due = Math.min(due, at);
    return due;
  }

  /** Does what is due first; false where nothing is. */
  async next(): Promise<boolean> {
    const at = this.dueAt;
    if (at > this.host.elapsed) return false;
    const i = this.#plans.findIndex((plan) => plan.at === at);
    const [plan] = this.#plans.splice(i, 1);
    await plan?.act();
    return true;
  }

  plan(inMs: number, act: () => unknown): void {
    this.#plans.push({ at: this.host.elapsed + inMs, act });
  }

  /** Runs what a request does. */
  within<T>(handling: Handling, act: () => T): T {
    return this.#handled.run(handling, act);
  }

  /** Replaces the global setTimeout: a request's timer is its own, all others are the object's. */
  readonly setTimeout = (act: () => void, ms = 0): number => {
    const handling = this.#handled.getStore();
    if (!handling) return this.host.setTimeout(act, ms);
    this.plan(ms, () => {
      if (!handling.isDead) this.within(handling, act);
    });
    return 0;
  };

  /** Tells the object something of which nobody waits for the answer. */
  async tell(act: Act<unknown>): Promise<void> {
    await this.#event(
      act,
      () => {},
      () => {},
    );
  }

  /** Asks the object outside of any request; undefined where it died meanwhile. */
  async answerOf<T>(act: Act<T>): Promise<T | undefined> {
    const dies = this.dyingNext;
    this.dyingNext = false;
    const done = await this.host.event(act, dies);
    this.cutLost();
    return done.ok ? done.value : undefined;
  }

  /** Those who asked an object that is no more hear of that. */
  cutLost(): void {
    // What was said to an object that has died does not reach another one.
    if (this.host.incarnation !== this.#incarnation) this.turns = [];
    this.#incarnation = this.host.incarnation;
    for (const asked of [...this.#open]) {
      if (asked.incarnation === this.host.incarnation) continue;
      this.#open.delete(asked);
      asked.cut();
    }
  }

  /** Asks the object as a client does, whose request takes a while; undefined where it died. */
  async asked<T>(act: Act<T>): Promise<T | undefined> {
    const link: Link = { latencyMs: 1, isMute: false, losing: 0 };
    const clock = { aheadMs: this.host.skewMs };
    try {
      return await this.ask({ link, clock, isDead: false, tickets: new Set() }, act);
    } catch {
      return undefined;
    }
  }

  /** Sends a request; the answer, or the news that there is none, comes later. */
  ask<T>(handling: Handling, act: Act<T>, { only, onLost }: Asking<T> = {}): Promise<T> {
    const { link } = handling;
    let settle: { resolve: (value: T) => void; reject: (error: Error) => void } | undefined;
    const answer = new Promise<T>((resolve, reject) => {
      settle = { resolve, reject };
    });
    // Whoever died does not hear of it.
    const live = (tell: () => void) => {
      if (!handling.isDead) tell();
    };
    const cut = () => live(() => settle?.reject(new Error('the object is gone')));
    const cutLater = (ms: number) => this.plan(ms, cut);
    const come = (value: T) => {
      const isLost = link.isMute || link.losing > 0 || handling.isDead;
      if (!isLost) return this.plan(link.latencyMs, () => live(() => settle?.resolve(value)));
      onLost?.(value);
      if (link.losing > 0) link.losing -= 1;
      return cutLater(link.isMute ? MUTE_REJECTS_MS : link.latencyMs);
    };
    this.plan(link.latencyMs, async () => {
      if (link.isMute) return cutLater(MUTE_REJECTS_MS);
      const isGone = only !== undefined && only !== this.host.incarnation;
      if (isGone) return cutLater(link.latencyMs);
      await this.#event(act, come, () => cutLater(link.latencyMs));
    });
    return answer;
  }

  /** One event of the object; exactly one of `to` and `cut` is called, at once or later. */
  async #event<T>(act: Act<T>, to: (value: T) => void, cut: () => void): Promise<void> {
    const { host } = this;
    const dies = this.dyingNext;
    this.dyingNext = false;
    const asked = { incarnation: host.incarnation, cut };
    this.#open.add(asked);
    const answered = (tell: () => void) => {
      if (this.#open.delete(asked)) tell();
    };
    await host.event(async (object) => {
      host.deliver(
        act(object),
        (value) => answered(() => to(value)),
        () => answered(cut),
      );
    }, dies);
    this.cutLost();
  }

  /** Ends a ticket of the object, as the runtime does where nobody holds it. */
  disposeLater(ticket: Partial<Disposable> | undefined, incarnation: number): void {
    this.plan(DISPOSED_AFTER_MS, async () => {
      if (incarnation !== this.host.incarnation) return;
      await this.tell(async () => ticket?.[Symbol.dispose]?.());
    });
  }
}

/**
 * What lies between the isolates of the Worker and a tenant's object: requests and answers that take
 * their time, get lost or arrive although nobody waits any more; and the timers of requests, which end
 * with them. In virtual time, on the object's host.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { TenantObject } from '../../durable-objects/tenant/tenant.ts';
import type { Enqueued, TicketMethods } from '../../src/protocol/admission.ts';
import type { LoanTurn, LoanWord } from '../../src/protocol/loans.ts';
import type { TenantApi } from '../../src/protocol/tenant.ts';
import type { ObjectHost } from './object-host.ts';

/** How long a request waits on a link that carries nothing. */
const MUTE_REJECTS_MS = 1_000;
const DISPOSED_AFTER_MS = 2;
/** Turns that are kept to be sent a second time. */
const KEPT_TURNS = 6;

/** The link of an isolate to the object. */
export interface Link {
  latencyMs: number;
  /** Nothing passes. */
  isMute: boolean;
  /** Next answers that do not arrive. */
  losing: number;
  /** The next turn arrives so much later, and its sender hears at once that it was cut off, ms. */
  straggleMs?: number | undefined;
}

/** The clock of an isolate. */
export interface Clock {
  /** How far it is ahead of elapsed time, ms. */
  aheadMs: number;
}

/** A request that the Worker handles; what it has begun ends with it. */
export interface Handling {
  readonly link: Link;
  readonly clock: Clock;
  isDead: boolean;
  /** Ends its tickets, as the runtime does. */
  readonly tickets: Set<() => void>;
}

interface Plan {
  readonly at: number;
  readonly act: () => unknown;
}

interface Asking<T> {
  /** The incarnation of the object that is meant. */
  readonly only?: number;
  /** Called with an answer that does not arrive. */
  readonly onLost?: (value: T) => void;
}

type Act<T> = (object: TenantObject) => Promise<T>;

export class LoanNetwork {
  readonly host: ObjectHost;
  /** The process of the object dies in the next event before its writes are durable. */
  dyingNext = false;
  /** The last turns that arrived at the present object, which may come a second time. */
  turns: LoanTurn[] = [];
  /** A turn was answered, or its answer got lost. */
  onTurn: (turn: LoanTurn, handling: Handling, goesOn: boolean | undefined) => void = () => {};
  /** A turn is sent. */
  onSent: (turn: LoanTurn, handling: Handling) => void = () => {};
  /** A turn has arrived at the object. */
  onArrived: (turn: LoanTurn) => void = () => {};
  /** A call waits in the object. */
  onQueued: (callId: string, incarnation: number) => void = () => {};
  /** Turns that were sent and have not arrived. */
  underWay = 0;
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

  stub(handling: Handling): TenantApi {
    const methods = {
      enqueue: async (...args: Parameters<TenantObject['enqueue']>) => {
        let incarnation = -1;
        const act = (object: TenantObject) => {
          incarnation = this.host.incarnation;
          return object.enqueue(...args);
        };
        // The runtime disposes of a ticket that nobody has received.
        const onLost = ({ ticket }: Enqueued) => this.#disposeLater(ticket, incarnation);
        const answer: Enqueued = await this.#ask<Enqueued>(handling, act, { onLost });
        if (answer.status === 'queued') this.onQueued(args[0].call.callId, incarnation);
        if (!answer.ticket) return answer;
        return { ...answer, ticket: this.#remote(answer.ticket, handling, incarnation) };
      },
      loanTurn: (turn: LoanTurn) => this.#turn(turn, handling),
    };
    const known: Record<string, unknown> = methods;
    const of =
      (name: string) =>
      (...args: unknown[]) =>
        this.#ask(
          handling,
          (object) =>
            (object as unknown as Record<string, (...a: unknown[]) => Promise<unknown>>)[name]?.(
              ...args,
            ) ?? Promise.reject(new Error(`no method ${name}`)),
        );
    const get = (_: object, name: string) => known[name] ?? of(name);
    return new Proxy({}, { get }) as TenantApi;
  }

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

  async #turn(turn: LoanTurn, handling: Handling) {
    this.onSent(turn, handling);
    try {
      const word = await this.#sent(turn, handling);
      this.onTurn(turn, handling, word.goesOn);
      return word;
    } catch (error) {
      this.onTurn(turn, handling, undefined);
      throw error;
    }
  }

  #sent(turn: LoanTurn, handling: Handling): Promise<LoanWord> {
    const { link } = handling;
    const { straggleMs } = link;
    let isUnderWay = true;
    this.underWay += 1;
    const arrived = () => {
      if (isUnderWay) this.underWay -= 1;
      isUnderWay = false;
    };
    const act = (object: TenantObject) => {
      arrived();
      this.onArrived(turn);
      this.turns.push(structuredClone(turn));
      if (this.turns.length > KEPT_TURNS) this.turns.shift();
      return object.loanTurn(structuredClone(turn));
    };
    if (straggleMs === undefined) {
      this.plan(link.latencyMs + MUTE_REJECTS_MS, arrived);
      return this.#ask(handling, act);
    }
    link.straggleMs = undefined;
    this.plan(straggleMs, () => this.tell(act));
    return Promise.reject(new Error('cut off'));
  }

  /** Asks the object as a client does, whose request takes a while; undefined where it died. */
  async asked<T>(act: Act<T>): Promise<T | undefined> {
    const link: Link = { latencyMs: 1, isMute: false, losing: 0 };
    const clock = { aheadMs: this.host.skewMs };
    try {
      return await this.#ask({ link, clock, isDead: false, tickets: new Set() }, act);
    } catch {
      return undefined;
    }
  }

  /** Sends a request; the answer, or the news that there is none, comes later. */
  #ask<T>(handling: Handling, act: Act<T>, { only, onLost }: Asking<T> = {}): Promise<T> {
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

  #disposeLater(ticket: Partial<Disposable> | undefined, incarnation: number): void {
    this.plan(DISPOSED_AFTER_MS, async () => {
      if (incarnation !== this.host.incarnation) return;
      await this.tell(async () => ticket?.[Symbol.dispose]?.());
    });
  }

  /** A ticket as the Worker holds it: it is of one object, and nothing of it works with another. */
  #remote(
    ticket: TicketMethods & Partial<Disposable>,
    handling: Handling,
    incarnation: number,
  ): TicketMethods & Disposable {
    const ask = <T>(act: () => Promise<T>) => this.#ask(handling, act, { only: incarnation });
    const end = () => {
      if (handling.tickets.delete(end)) this.#disposeLater(ticket, incarnation);
    };
    handling.tickets.add(end);
    return {
      granted: () => ask(() => ticket.granted()),
      where: () => ask(() => ticket.where()),
      report: (...report) => ask(() => ticket.report(...report)),
      again: (result) => ask(() => ticket.again(result)),
      renew: () => ask(() => ticket.renew()),
      [Symbol.dispose]: end,
    };
  }
}

/**
 * An endpoint on a platform that behaves as it likes (platform.ts). What becomes of a refused call
 * and of a wake is decided by the code that decides it at the edge: the adapter reads the answer,
 * and the dispatcher gets the result that the Worker would report.
 */
import { isClientsOwn, LATE, refusedResult, UNANSWERED } from '../../src/calls/attempt-result.ts';
import { openaiGeneric } from '../../src/endpoints/openai-generic.ts';
import { Platform, type PlatformReply, type PlatformSettings } from './platform.ts';
import {
  ENDPOINT,
  type EndpointWorld,
  type SimCall,
  type SimEndpoint,
  tokensOf,
  type WakeOrder,
} from './sim-endpoint.ts';

/** Time after which the Worker gives up an answer that has not begun, ms: the configuration's default. */
const FIRST_BYTE_MS = 120_000;
/** Time for which an endpoint is asked in any case, ms, as in the tenant's object. */
const LEAST_PATIENCE_MS = 1_000;
const LOOK_EVERY_MS = 1_000;

/** The requests that wake the endpoint, one after the other, as in the tenant's object. */
interface WakeLoop {
  /** The newest order, and when it came by the dispatcher's clock, ms. */
  order: WakeOrder;
  wallMs: number;
  refusals: number;
}

export class PlatformEndpoint implements SimEndpoint {
  coldStarts = 0;
  coldWaitMs = 0;
  pings = 0;
  readonly platform: Platform;
  readonly #backend: string;
  readonly #world: EndpointWorld;
  #loop: WakeLoop | undefined;

  constructor(backend: string, settings: PlatformSettings, world: EndpointWorld) {
    this.#backend = backend;
    this.platform = new Platform(settings);
    this.#world = world;
  }

  submitted(call: SimCall): void {
    call.notWarmMs = this.platform.notWarmMsUntil(this.#world.now());
  }

  serve(callId: string, call: SimCall): void {
    const now = this.#world.now();
    const waitedMs = this.platform.notWarmMsUntil(now) - call.notWarmMs;
    const reply = this.#request(call.serviceMs, true);
    if (reply.type === 'served' && reply.from - now <= FIRST_BYTE_MS) {
      this.coldWaitMs += waitedMs + reply.warmAt - now;
      return this.#world.at(reply.until, 'end', () => {
        const serviceMs = this.#world.now() - now;
        const result = { outcome: 'ok', endpointFault: false, cold: false, serviceMs } as const;
        this.#world.ended(callId, { ...result, ...tokensOf(call.record) }, false);
      });
    }
    if (reply.type !== 'answered') {
      const [at, result] =
        reply.type === 'refused' ? [reply.at, UNANSWERED] : [now + FIRST_BYTE_MS, LATE];
      return this.#world.at(at, 'end', () => {
        this.#world.ended(callId, { ...result, serviceMs: this.#world.now() - now }, true);
      });
    }
    this.#world.at(reply.at, 'end', () => {
      const kind = openaiGeneric.classify(reply.status, reply.body, false);
      const result = { ...refusedResult(kind, reply.status), serviceMs: this.#world.now() - now };
      this.#world.ended(callId, result, !isClientsOwn(kind));
    });
  }

  wake(order: WakeOrder): void {
    if (order.wake.cause !== 'demand') this.pings += 1;
    const wallMs = this.#world.wallMs();
    if (this.#loop) {
      Object.assign(this.#loop, { order, wallMs });
      return;
    }
    const loop = { order, wallMs, refusals: 0 };
    this.#loop = loop;
    this.#world.at(this.#world.now(), 'ping', () => this.#ask(loop));
  }

  release(): void {
    this.platform.release(this.#world.now());
  }

  warmMsUntil(at: number): number {
    return this.platform.upMsUntil(at);
  }

  restarted(): void {
    this.#loop = undefined;
  }

  /** Asks until it is up or the order's patience has ended; then goes on for a newer order. */
  #ask(loop: WakeLoop): void {
    const { order, wallMs } = loop;
    const leftMs = order.patienceMs - Math.max(0, this.#world.wallMs() - wallMs);
    const deadline = this.#world.now() + Math.max(leftMs, LEAST_PATIENCE_MS);
    this.#look(loop, deadline, (ok) => {
      if (!ok && loop.order !== order) this.#ask(loop);
      else this.#report(loop, ok);
    });
  }

  /** One request of a wake: it ends the asking, or the next one follows after a pause. */
  #look(loop: WakeLoop, deadline: number, over: (ok: boolean) => void): void {
    if (this.#loop !== loop) return;
    const reply = this.#request(0, loop.order.wake.cause === 'demand', true);
    const ok = reply.type === 'served';
    const at = reply.type === 'served' ? reply.until : reply.type === 'hangs' ? Infinity : reply.at;
    if (!ok) loop.refusals += 1;
    const nextAt = ok ? at : at + LOOK_EVERY_MS;
    this.#world.at(Math.min(nextAt, deadline), 'ping', () => {
      if (this.#loop !== loop) return;
      if (nextAt > deadline) over(false);
      else if (ok) over(true);
      else this.#look(loop, deadline, over);
    });
  }

  #report({ order, wallMs, refusals }: WakeLoop, ok: boolean): void {
    this.#loop = undefined;
    this.#world.tell({
      type: 'wake-answered',
      backend: this.#backend,
      endpoint: ENDPOINT,
      ok,
      wakeAt: order.wake.at,
      tookMs: this.#world.wallMs() - wallMs,
      refusals,
    });
  }

  #request(serviceMs: number, isDemand: boolean, isPing = false): PlatformReply {
    const starts = this.platform.starts.length;
    const reply = this.platform.request(this.#world.now(), serviceMs, isPing);
    if (isDemand) this.coldStarts += this.platform.starts.length - starts;
    return reply;
  }
}

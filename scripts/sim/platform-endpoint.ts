/**
 * An endpoint on a platform that behaves as it likes (platform.ts). What becomes of a refused call
 * and of a wake is decided by the code that decides it at the edge: the adapter reads the answer,
 * and the dispatcher gets the result that the Worker would report.
 */
import { isClientsOwn, refusedResult, UNANSWERED } from '../../src/calls/attempt-result.ts';
import type { AnswerKind } from '../../src/endpoints/adapter.ts';
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
/** Pause of a wake between two requests, ms, as in src/endpoints/wake.ts. */
const LOOK_EVERY_MS = 1_000;

/** A wake in progress. */
interface WakeLoop {
  readonly order: WakeOrder;
  readonly beganAt: number;
  /** When it began by the dispatcher's clock, ms. */
  readonly wallMs: number;
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
      const at = reply.type === 'refused' ? reply.at : now + FIRST_BYTE_MS;
      return this.#world.at(at, 'end', () => {
        this.#world.ended(callId, { ...UNANSWERED, serviceMs: this.#world.now() - now }, true);
      });
    }
    this.#world.at(reply.at, 'end', () => {
      const kind = openaiGeneric.classify(reply.status, reply.body, false);
      const result = { ...refusedResult(kind), serviceMs: this.#world.now() - now };
      this.#world.ended(callId, result, !isClientsOwn(kind));
    });
  }

  wake(order: WakeOrder): void {
    const now = this.#world.now();
    const wallMs = this.#world.wallMs();
    if (order.wake.cause !== 'demand') this.pings += 1;
    const loop = { order, beganAt: now, wallMs };
    this.#loop = loop;
    this.#world.at(now, 'ping', () => this.#look(loop));
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

  /** One request of a wake: it ends the wake, or the next one follows after a pause. */
  #look(loop: WakeLoop): void {
    if (this.#loop !== loop) return;
    const reply = this.#request(0, loop.order.wake.cause === 'demand', true);
    const deadline = loop.beganAt + loop.order.patienceMs;
    const at = reply.type === 'served' ? reply.until : reply.type === 'hangs' ? Infinity : reply.at;
    const next = nextLook(kindOf(reply));
    const nextAt = next === 'again' ? at + LOOK_EVERY_MS : at;
    if (nextAt > deadline) {
      return this.#world.at(deadline, 'ping', () => this.#end(loop, false));
    }
    this.#world.at(nextAt, 'ping', () =>
      next === 'again' ? this.#look(loop) : this.#end(loop, next === 'ready'),
    );
  }

  #end(loop: WakeLoop, ok: boolean): void {
    if (this.#loop !== loop) return;
    this.#loop = undefined;
    const wallMs = this.#world.wallMs();
    this.#world.tell({
      type: 'wake-answered',
      backend: this.#backend,
      endpoint: ENDPOINT,
      ok,
      tookMs: wallMs - loop.wallMs,
    });
  }

  #request(serviceMs: number, isDemand: boolean, isPing = false): PlatformReply {
    const starts = this.platform.starts.length;
    const reply = this.platform.request(this.#world.now(), serviceMs, isPing);
    if (isDemand) this.coldStarts += this.platform.starts.length - starts;
    return reply;
  }
}

function kindOf(reply: PlatformReply): AnswerKind {
  if (reply.type === 'served') return 'ok';
  if (reply.type !== 'answered') return 'broken';
  return openaiGeneric.classify(reply.status, reply.body, false);
}

/** What an answer to a wake's request means for the wake. */
function nextLook(kind: AnswerKind): 'ready' | 'again' | 'failed' {
  if (kind === 'ok' || kind === 'rejected') return 'ready';
  return kind === 'broken' || kind === 'forbidden' ? 'failed' : 'again';
}

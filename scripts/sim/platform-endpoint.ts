/**
 * An endpoint on a platform that behaves as it likes (platform.ts). What becomes of a refused call
 * and of a wake is decided by the code that decides it at the edge: the adapter reads the answer,
 * and the dispatcher gets the result that the Worker would report.
 */
import { isClientsOwn, LATE, refusedResult, UNANSWERED } from '../../src/calls/attempt-result.ts';
import type { CallRecord } from '../../src/core/runs/recorded-run.ts';
import type { EndpointTarget } from '../../src/endpoints/adapter.ts';
import { JoinedWake } from '../../src/endpoints/joined-wake.ts';
import { openaiGeneric } from '../../src/endpoints/openai-generic.ts';
import type { Sent } from '../../src/endpoints/platform-io.ts';
import { type WakeResult, wakeSteps } from '../../src/endpoints/wake.ts';
import type { StepDone, WakeSteps } from '../../src/endpoints/wake-steps.ts';
import type { PrefixCache } from '../gpu/prefix-cache.ts';
import { prefillMs, serviceMs } from '../gpu/service-model.ts';
import { Platform, type PlatformReply, type PlatformSettings } from './platform.ts';
import {
  cacheOf,
  type EndpointPlace,
  type EndpointWorld,
  type ReadOrder,
  type SimCall,
  type SimEndpoint,
  tokensOf,
  type WakeOrder,
} from './sim-endpoint.ts';

/** Time after which the Worker gives up an answer that has not begun, ms: the configuration's default. */
const FIRST_BYTE_MS = 120_000;
const TARGET: EndpointTarget = { url: 'http://endpoint/v1', auth: {}, model: 'model' };
const COMPLETION = '{"choices":[{"message":{"content":"."}}]}';

export class PlatformEndpoint implements SimEndpoint {
  coldStarts = 0;
  coldWaitMs = 0;
  pings = 0;
  readonly platform: Platform;
  readonly #place: EndpointPlace;
  readonly #cache: PrefixCache;
  /** Its starts when the cache was last used. */
  #startsThen = 0;
  /** The same of the last call. */
  #startsAtCall = 0;
  readonly #world: EndpointWorld;
  #wake: JoinedWake<WakeOrder> | undefined;

  constructor(place: EndpointPlace, settings: PlatformSettings, world: EndpointWorld) {
    this.#place = place;
    this.platform = new Platform(settings);
    this.#cache = cacheOf(place.model, place.names);
    this.#world = world;
  }

  submitted(call: SimCall): void {
    call.notWarmMs.set(this.#place.id, this.platform.notWarmMsUntil(this.#world.now()));
  }

  serve(callId: string, call: SimCall): void {
    const now = this.#world.now();
    const { record } = call;
    const { model, id } = this.#place;
    const notWarmMs = call.notWarmMs.get(id) ?? 0;
    const waitedMs = this.platform.notWarmMsUntil(now) - notWarmMs;
    this.#forgetIfNew();
    const hitTokens = this.#cache.hitTokens(record);
    const reply = this.#request(serviceMs(record, model, hitTokens), true);
    this.#startsThen = this.platform.starts.length;
    if (reply.type === 'served' && reply.from - now <= FIRST_BYTE_MS) {
      this.coldWaitMs += waitedMs + reply.warmAt - now;
      this.#cache.touch(record);
      const readMs = prefillMs(record, model, hitTokens);
      const firstMs = this.#startsAtCall !== this.#startsThen ? readMs : undefined;
      this.#world.read(call, reply.from + readMs, hitTokens, firstMs);
      this.#startsAtCall = this.#startsThen;
      return this.#world.at(reply.until, 'end', () => {
        this.#cache.touch(record);
        const tookMs = this.#world.now() - now;
        const result = { outcome: 'ok', endpointFault: false, cold: false } as const;
        this.#world.ended(
          callId,
          { ...result, serviceMs: tookMs, ...tokensOf(record, hitTokens) },
          false,
        );
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
      this.#world.ended(callId, result, !isClientsOwn(kind), kind === 'unready');
    });
  }

  wake(order: WakeOrder): void {
    if (order.wake.cause !== 'demand') this.pings += 1;
    if (this.#wake) return this.#wake.join(order, this.#world.wallMs());
    const wake = new JoinedWake(order, this.#world.wallMs());
    this.#wake = wake;
    this.#world.at(this.#world.now(), 'ping', () => this.#ask(wake));
  }

  readAhead({ readAt }: ReadOrder, record: CallRecord): void {
    this.#forgetIfNew();
    const { model, backend, id: endpoint } = this.#place;
    const now = this.#world.now();
    const tookMs = serviceMs(record, model, this.#cache.hitTokens(record));
    const reply = this.#request(tookMs, false);
    this.#startsThen = this.platform.starts.length;
    if (reply.type === 'served') this.#cache.touch(record);
    const at = reply.type === 'served' ? reply.until : reply.type === 'hangs' ? Infinity : reply.at;
    if (!Number.isFinite(at)) return;
    const event = { type: 'prefix-answered', backend, endpoint, readAt } as const;
    this.#world.at(at, 'end', () =>
      this.#world.tell({ ...event, ok: reply.type === 'served', tookMs: at - now }),
    );
  }

  /** An engine that was started since remembers nothing. */
  #forgetIfNew(): void {
    const isNew = this.platform.starts.length !== this.#startsThen;
    if (isNew || this.platform.stateAt(this.#world.now()) === 'cold') this.#cache.clear();
  }

  release(): void {
    this.platform.release(this.#world.now());
  }

  warmMsUntil(at: number): number {
    return this.platform.upMsUntil(at);
  }

  restarted(): void {
    this.#wake = undefined;
  }

  /** Asks until it is up or the order's patience has ended; then goes on for a newer order. */
  #ask(wake: JoinedWake<WakeOrder>): void {
    const now = this.#world.wallMs();
    const steps = wakeSteps(openaiGeneric, TARGET, wake.ask(wake.order.patienceMs, now), now);
    this.#goOn(wake, steps, { now });
  }

  /** Carries out the next step of a wake, and goes on when it is done. */
  #goOn(wake: JoinedWake<WakeOrder>, steps: WakeSteps<WakeResult>, done: StepDone): void {
    if (this.#wake !== wake) return;
    const next = steps.next(done);
    if (next.done) {
      const report = wake.ended(next.value, this.#world.wallMs());
      return report ? this.#report(wake.order, report) : this.#ask(wake);
    }
    const step = next.value;
    const now = this.#world.now();
    const { at, sent } =
      step.type === 'wait'
        ? { at: now + step.ms, sent: undefined }
        : this.#send(wake.order, step.limitMs);
    this.#world.at(at, 'ping', () =>
      this.#goOn(wake, steps, { now: this.#world.wallMs(), ...(sent ? { sent } : {}) }),
    );
  }

  /** One request of a wake: its answer, or none within the limit. */
  #send({ wake }: WakeOrder, limitMs: number): { at: number; sent: Sent } {
    const now = this.#world.now();
    const reply = this.#request(0, wake.cause === 'demand', true);
    const at = reply.type === 'served' ? reply.until : reply.type === 'hangs' ? Infinity : reply.at;
    if (at > now + limitMs) return { at: now + limitMs, sent: { kind: 'silent' } };
    if (reply.type === 'refused') return { at, sent: { kind: 'unreachable' } };
    const answer =
      reply.type === 'answered'
        ? { status: reply.status, body: reply.body, isWhole: true }
        : { status: 200, body: COMPLETION, isWhole: true };
    return { at, sent: { kind: 'answered', answer } };
  }

  #report({ wake }: WakeOrder, report: WakeResult): void {
    this.#wake = undefined;
    const about = { backend: this.#place.backend, endpoint: this.#place.id, wakeAt: wake.at };
    this.#world.tell({ type: 'wake-answered', ...about, ...report });
  }

  #request(serviceMs: number, isDemand: boolean, isPing = false): PlatformReply {
    const starts = this.platform.starts.length;
    const reply = this.platform.request(this.#world.now(), serviceMs, isPing);
    if (isDemand) this.coldStarts += this.platform.starts.length - starts;
    return reply;
  }
}

/**
 * A dispatcher in virtual time with one endpoint on a platform that behaves as the test says, not as
 * is configured: it loads when a request finds it cold, refuses or holds requests meanwhile, and
 * goes cold by its own idle timeout. Wakes ask every second, as the adapters do.
 */
import type { BackendSpec } from '../../../../src/core/backends/backend-spec.ts';
import type { Endpoint } from '../../../../src/core/backends/endpoint.ts';
import {
  endpointSnapshot,
  restoreEndpoint,
} from '../../../../src/core/backends/endpoint-snapshot.ts';
import type { DispatchEvent, Effect } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { PrewarmRule } from '../../../../src/core/prewarm/prewarm-rule.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';

export interface PlatformSetting {
  readonly configured: { readonly estimateMs: number; readonly idleTimeoutMs: number };
  /** Its true idle timeout, ms; Infinity where it never goes cold. */
  readonly idleMs: number;
  /** The n-th start takes the n-th of these, ms; the last one repeats. */
  readonly startsMs: readonly number[];
  /** What a request gets while it loads. */
  readonly whileLoading: 'refuse' | 'hold';
  readonly rule?: PrewarmRule;
  readonly spec?: Partial<BackendSpec>;
}

const ROUND_TRIP_MS = 50;
const LOOK_EVERY_MS = 1_000;
const SERVICE_MS = 200;
/** When the platform's time begins by the object's clock, epoch ms. */
const EPOCH_MS = 100 * 86_400_000;

interface Loop {
  wakeAt: number;
  from: number;
  /** The same by the object's clock. */
  objectFrom: number;
  patienceMs: number;
  refusals: number;
}

export class LonePlatform {
  dispatcher: Dispatcher;
  now = 0;
  readonly pingsAt: number[] = [];
  readonly waits: number[] = [];
  readonly refused: string[] = [];
  starts = 0;
  /** The most wake loops that ran at a time. */
  mostLoops = 0;
  /** Time that the platform was up or loading, ms. */
  upMs = 0;
  /** In these spans of time every request is refused, though it is warm, epoch ms. */
  flaps: Array<readonly [number, number]> = [];
  readonly setting: PlatformSetting;
  #loops: Loop[] = [];
  #upFrom: number | undefined;
  #readyAt = Infinity;
  #usedAt = 0;
  #inService = 0;
  #calls = 0;
  #skewMs = 0;
  readonly #arrivedAt = new Map<string, number>();
  readonly #events: Array<{ at: number; act: () => void }> = [];

  constructor(setting: PlatformSetting) {
    this.setting = setting;
    this.dispatcher = this.newDispatcher();
  }

  newDispatcher(): Dispatcher {
    const { configured, rule, spec = {} } = this.setting;
    const llm = backendSpec({
      endpoints: [{ id: 'e', slots: 4, coldStart: configured }],
      prewarm: { mode: 'on', theta: 0.25 },
      ...spec,
    });
    const options = rule ? { prewarmRule: rule } : {};
    return new Dispatcher(
      configOf({ backends: { llm }, leaseMs: 3_600_000 }),
      { random: seededRandom(1), ...options },
      this.objectNow,
    );
  }

  get endpoint(): Endpoint {
    const endpoint = this.dispatcher.backends.get('llm')?.endpoints.get('e');
    if (!endpoint) throw new Error('no endpoint');
    return endpoint;
  }

  get loops(): number {
    return this.#loops.length;
  }

  at(at: number, act: () => void): void {
    let [from, until] = [0, this.#events.length];
    while (from < until) {
      const middle = (from + until) >> 1;
      if ((this.#events[middle]?.at ?? 0) <= at) from = middle + 1;
      else until = middle;
    }
    this.#events.splice(from, 0, { at, act });
  }

  /** Submits a call; `waits` gets its time until it is served. */
  call(): void {
    this.#calls += 1;
    const callId = `c${this.#calls}`;
    this.#arrivedAt.set(callId, this.now);
    const call = callRequest(callId, { arrivedAt: this.objectNow, final: true });
    this.step({ type: 'submitted', call });
  }

  /** Submits calls at a steady pace. */
  callsEvery(everyMs: number, from: number, until: number): void {
    for (let at = from; at < until; at += everyMs) this.at(at, () => this.call());
  }

  /** The cron: a forecast each minute. */
  forecasts(until: number): void {
    for (let at = 0; at < until; at += 60_000) {
      this.at(at, () => this.step({ type: 'forecast', aheadMs: 60_000 }));
    }
  }

  run(until: number): void {
    for (;;) {
      const dueAt = this.dispatcher.dueAt(this.objectNow) - EPOCH_MS - this.#skewMs;
      const due = Math.max(this.now, dueAt);
      const next = this.#events[0]?.at ?? Infinity;
      if (Math.min(due, next) > until) break;
      this.now = Math.max(this.now, Math.min(due, next));
      if (next <= due) this.#events.shift()?.act();
      else this.step({ type: 'tick' });
    }
    this.now = until;
    this.#pass();
  }

  step(...events: DispatchEvent[]): void {
    for (const effect of this.dispatcher.step(events, this.objectNow)) this.#do(effect);
  }

  /** The time by the object's clock, epoch ms. */
  get objectNow(): number {
    return EPOCH_MS + this.now + this.#skewMs;
  }

  /** The worker dies: what comes next starts it again. */
  crash(): void {
    this.#pass();
    if (this.#upFrom !== undefined) this.upMs += this.now - this.#upFrom;
    this.#upFrom = undefined;
    this.#readyAt = Infinity;
  }

  /** From `at` on, the object's clock differs from the platform's by `byMs`. */
  leap(at: number, byMs: number): void {
    this.at(at, () => {
      this.#skewMs = byMs;
      this.step({ type: 'tick' });
    });
  }

  /** The object dies and is restored at once: its wake loops die with it. */
  restart(): void {
    const snapshot = JSON.parse(JSON.stringify(endpointSnapshot(this.endpoint)));
    const accounts = JSON.parse(JSON.stringify(this.dispatcher.accounts.snapshot(this.objectNow)));
    this.#loops = [];
    this.dispatcher = this.newDispatcher();
    restoreEndpoint(this.endpoint, snapshot);
    this.dispatcher.accounts.restore(accounts);
    this.dispatcher.restore([], []);
    this.step({ type: 'tick' });
  }

  /** What a request finds: the time from which it is served, or a refusal. */
  #request(): number | 'refused' {
    this.#pass();
    if (this.#upFrom === undefined) {
      const { startsMs } = this.setting;
      this.#upFrom = this.now;
      this.#readyAt = this.now + (startsMs[Math.min(this.starts, startsMs.length - 1)] ?? 0);
      this.starts += 1;
      this.#usedAt = this.#readyAt;
    }
    if (this.flaps.some(([from, until]) => this.now >= from && this.now < until)) return 'refused';
    if (this.now < this.#readyAt && this.setting.whileLoading === 'refuse') return 'refused';
    const servedAt = Math.max(this.now, this.#readyAt);
    this.#usedAt = Math.max(this.#usedAt, servedAt);
    return servedAt;
  }

  #pass(): void {
    if (this.#upFrom === undefined || this.#inService > 0) return;
    const coldAt = Math.max(this.#usedAt, this.#readyAt) + this.setting.idleMs;
    if (this.now < coldAt) return;
    this.upMs += coldAt - this.#upFrom;
    this.#upFrom = undefined;
    this.#readyAt = Infinity;
  }

  #do(effect: Effect): void {
    if (effect.type === 'granted') this.#serve(effect.callId);
    if (effect.type === 'refused') this.refused.push(effect.code);
    if (effect.type !== 'wake' || effect.dryRun) return;
    const { wake, patienceMs } = effect;
    if (wake.cause !== 'demand') this.pingsAt.push(this.now);
    const order = { wakeAt: wake.at, from: this.now, objectFrom: this.objectNow, patienceMs };
    const joined = this.#loops[0];
    if (joined) {
      Object.assign(joined, order);
      return;
    }
    const loop = { ...order, refusals: 0 };
    this.#loops.push(loop);
    this.mostLoops = Math.max(this.mostLoops, this.#loops.length);
    this.#look(loop);
  }

  #look(loop: Loop): void {
    const found = this.#request();
    const isOver = () => !this.#loops.includes(loop);
    const answer = (ok: boolean) => {
      if (isOver()) return;
      this.#loops = this.#loops.filter((l) => l !== loop);
      const { wakeAt, objectFrom, refusals } = loop;
      const tookMs = this.objectNow - objectFrom;
      const about = { backend: 'llm', endpoint: 'e', wakeAt, tookMs, refusals };
      this.step({ type: 'wake-answered', ...about, ok });
    };
    if (found !== 'refused') return this.at(found + ROUND_TRIP_MS, () => answer(true));
    loop.refusals += 1;
    this.at(this.now + LOOK_EVERY_MS, () => {
      if (isOver()) return;
      if (this.now > loop.from + loop.patienceMs) answer(false);
      else this.#look(loop);
    });
  }

  #serve(callId: string): void {
    const found = this.#request();
    if (found === 'refused') {
      const cold = okResult(0, { outcome: 'failed', cold: true, serviceMs: ROUND_TRIP_MS });
      this.at(this.now + ROUND_TRIP_MS, () =>
        this.step({ type: 'ended', callId, result: cold, again: true }),
      );
      return;
    }
    const sentAt = this.now;
    this.#inService += 1;
    this.at(found + SERVICE_MS, () => {
      this.#inService -= 1;
      this.#usedAt = this.now;
      const arrivedAt = this.#arrivedAt.get(callId) ?? sentAt;
      this.waits.push(found - arrivedAt);
      const times = {
        serviceMs: this.now - sentAt,
        firstByteMs: this.now - sentAt - SERVICE_MS + 20,
      };
      this.step({ type: 'ended', callId, result: okResult(5, times) });
    });
  }
}

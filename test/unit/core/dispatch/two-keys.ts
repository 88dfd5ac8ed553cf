/**
 * A simulation in virtual time of two API keys at one endpoint. Key B calls it in a closed loop and
 * is always served; key A behaves, and is answered, as the test says.
 */
import type { DispatchEvent, Effect } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { type Random, seededRandom } from '../../../../src/core/learning/random.ts';
import type { PolicyName } from '../../../../src/core/order/policies/registry.ts';
import type { CallRequest } from '../../../../src/core/runs/call-request.ts';
import type { CallResult } from '../../../../src/core/runs/call-result.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';

export type Answer = 'ok' | 'busy' | 'busy-long' | 'cold' | 'fault' | 'forbidden' | 'leaves';

export interface Behaviour {
  /** The number of A's concurrent callers; `thinkMs` is the pause of each after a call. */
  readonly callers: number;
  readonly thinkMs: number;
  /** The answers to its calls, drawn with equal probability; `serviceMs` are their times. */
  readonly answers: readonly Answer[];
  readonly serviceMs: readonly number[];
  readonly inputTokens: number;
  readonly runs: 'each-its-own' | 'one' | 'few';
  readonly apps: number;
  readonly deadlineMs: number | undefined;
}

export interface Setting {
  readonly seed: number;
  readonly policy: PolicyName;
  readonly slots: number;
  readonly coldStart: boolean;
  /** The number of B's concurrent calls. */
  readonly callersB: number;
}

export interface Outcome {
  readonly answered: number;
  readonly refused: number;
  readonly p95Ms: number;
  readonly wakes: number;
  /** The most grants that one call of A had. */
  readonly mostAttempts: number;
}

export const SERVICE_B_MS = 100;
/** B is measured from this time on, when A's calls from before B's arrival have ended. */
const MEASURED_FROM_MS = 4_000;
const UNTIL_MS = 16_000;

/** The results of B next to A, or alone if A is undefined. */
export function beside(a: Behaviour | undefined, setting: Setting): Outcome {
  return new TwoKeys(a, setting).run();
}

class TwoKeys {
  readonly #a: Behaviour | undefined;
  readonly #setting: Setting;
  readonly #random: Random;
  readonly #dispatcher: Dispatcher;
  readonly #events: Array<{ at: number; act: () => void }> = [];
  readonly #latencies: number[] = [];
  readonly #attempts = new Map<string, number>();
  #now = 0;
  #calls = 0;
  #refused = 0;
  #wakes = 0;

  constructor(a: Behaviour | undefined, setting: Setting) {
    this.#a = a;
    this.#setting = setting;
    this.#random = seededRandom(setting.seed);
    const coldStart = { estimateMs: 2_000, idleTimeoutMs: 60_000 };
    const endpoint = {
      id: 'e1',
      slots: setting.slots,
      ...(setting.coldStart ? { coldStart } : {}),
    };
    const llm = {
      ...backendSpec({ slots: setting.slots }),
      endpoints: [endpoint],
      keyQueueShare: 0.75,
    };
    const config = configOf({ policy: setting.policy, backends: { llm }, runCalls: 1_000 });
    this.#dispatcher = new Dispatcher(config, { random: seededRandom(1) }, 0);
  }

  run(): Outcome {
    for (let i = 0; i < (this.#a?.callers ?? 0); i += 1) this.#at(i, () => this.#submitA());
    for (let i = 0; i < this.#setting.callersB; i += 1) this.#at(500 + i, () => this.#submitB());
    while (this.#now < UNTIL_MS) {
      const next = this.#pop();
      const due = this.#dispatcher.dueAt(this.#now);
      if (due < (next?.at ?? Infinity)) {
        if (next) this.#events.push(next);
        this.#now = Math.max(this.#now + 1e-6, due);
        this.#step({ type: 'tick' });
        continue;
      }
      if (!next) break;
      this.#now = Math.max(this.#now, next.at);
      next.act();
    }
    const sorted = this.#latencies.sort((x, y) => x - y);
    return {
      answered: sorted.length,
      refused: this.#refused,
      p95Ms: sorted[Math.ceil(sorted.length * 0.95) - 1] ?? Infinity,
      wakes: this.#wakes,
      mostAttempts: Math.max(0, ...this.#attempts.values()),
    };
  }

  #at(at: number, act: () => void): void {
    this.#events.push({ at, act });
  }

  #pop(): { at: number; act: () => void } | undefined {
    let best = -1;
    for (let i = 0; i < this.#events.length; i += 1) {
      if (best < 0 || (this.#events[i]?.at ?? 0) < (this.#events[best]?.at ?? 0)) best = i;
    }
    return best < 0 ? undefined : this.#events.splice(best, 1)[0];
  }

  #submitB(): void {
    this.#calls += 1;
    const callId = `b${this.#calls}`;
    this.#submit(callId, { keyId: 'b', app: 'b', runId: callId, final: true });
  }

  #submitA(): void {
    const a = this.#a;
    if (!a) return;
    this.#calls += 1;
    const callId = `a${this.#calls}`;
    const run = { 'each-its-own': callId, one: 'a-run', few: `a-run-${this.#calls % 5}` }[a.runs];
    this.#submit(callId, {
      keyId: 'a',
      app: `a${this.#calls % a.apps}`,
      runId: run,
      inputTokens: a.inputTokens,
      final: a.runs === 'each-its-own',
      ...(a.deadlineMs === undefined ? {} : { deadlineAt: this.#now + a.deadlineMs }),
    });
  }

  #submit(callId: string, fields: Partial<CallRequest>): void {
    const call = callRequest(callId, {
      ...{ kind: 'service', inputTokens: 0, arrivedAt: this.#now },
      ...fields,
    });
    this.#step({ type: 'submitted', call });
  }

  #step(...events: readonly DispatchEvent[]): void {
    for (const effect of this.#dispatcher.step(events, this.#now)) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    if (effect.type === 'granted') {
      this.#attempts.set(effect.callId, (this.#attempts.get(effect.callId) ?? 0) + 1);
      this.#serve(effect.callId);
    } else if (effect.type === 'refused') {
      const isB = effect.callId.startsWith('b');
      if (isB && this.#now >= MEASURED_FROM_MS) this.#refused += 1;
      this.#at(this.#now + 100, () => (isB ? this.#submitB() : this.#submitA()));
    } else if (effect.type === 'wake') {
      this.#wakes += 1;
      const { backend, endpoint } = effect;
      // The endpoint is in fact up, so it answers at once.
      const took = { ok: true, tookMs: 3 };
      this.#at(this.#now + 3, () =>
        this.#step({ type: 'wake-answered', backend, endpoint, ...took }),
      );
    }
  }

  #serve(callId: string): void {
    const arrivedAt = this.#dispatcher.call(callId)?.request.arrivedAt ?? this.#now;
    if (callId.startsWith('b')) {
      this.#at(this.#now + SERVICE_B_MS, () => {
        if (this.#now >= MEASURED_FROM_MS) this.#latencies.push(this.#now - arrivedAt);
        const result = okResult(0, { serviceMs: SERVICE_B_MS });
        this.#at(this.#now + 1 + 4 * this.#random(), () => this.#submitB());
        this.#step({ type: 'ended', callId, result });
      });
      return;
    }
    const a = this.#a;
    if (!a) return;
    const answer = a.answers[Math.floor(this.#random() * a.answers.length)] ?? 'ok';
    const serviceMs = a.serviceMs[Math.floor(this.#random() * a.serviceMs.length)] ?? 1;
    this.#at(this.#now + serviceMs, () => {
      if (answer === 'leaves') this.#step({ type: 'cancelled', callId });
      else {
        const again = !['ok', 'forbidden'].includes(answer);
        this.#step({ type: 'ended', callId, result: resultOf(answer, serviceMs), again });
      }
      if (!this.#dispatcher.call(callId)) this.#at(this.#now + a.thinkMs, () => this.#submitA());
    });
  }
}

function resultOf(answer: Answer, serviceMs: number): CallResult {
  const failed = okResult(0, { outcome: 'failed', serviceMs });
  switch (answer) {
    case 'busy':
      return { ...failed, busy: true };
    case 'busy-long':
      return { ...failed, busy: true, retryAfterMs: 30_000 };
    case 'cold':
      return { ...failed, cold: true };
    case 'fault':
      return { ...failed, endpointFault: true };
    case 'forbidden':
      return { ...failed, forbidden: true };
    default:
      return okResult(0, { serviceMs });
  }
}

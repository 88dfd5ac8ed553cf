/**
 * Drives the dispatcher of src/core in front of a real engine, without Worker and object: what it
 * decides and learns is that of production, and its state can be asked while it runs.
 */
import type { DispatchEvent, Effect } from '../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { DispatcherConfig } from '../../src/core/dispatch/dispatcher-config.ts';
import { seededRandom } from '../../src/core/learning/random.ts';
import type { CallRequest } from '../../src/core/runs/call-request.ts';
import type { CallResult } from '../../src/core/runs/call-result.ts';

/** The engine to call, as an OpenAI API. */
export interface EngineAddress {
  readonly url: string;
  readonly model: string;
  readonly key?: string;
}

/** A call of a run: its size, in tokens. */
export interface DrivenCall {
  readonly unit: string;
  readonly input: number;
  readonly output: number;
}

/** Told of each step. */
export type StepObserver = (
  dispatcher: Dispatcher,
  now: number,
  events: readonly DispatchEvent[],
  effects: readonly Effect[],
) => void;

export class DrivenDispatcher {
  readonly #dispatcher: Dispatcher;
  readonly #engine: EngineAddress;
  readonly #observe: StepObserver;
  readonly #calls = new Map<string, { readonly call: DrivenCall; readonly done: () => void }>();
  #alarm: NodeJS.Timeout | undefined;
  #number = 0;

  constructor(config: DispatcherConfig, engine: EngineAddress, observe: StepObserver) {
    this.#dispatcher = new Dispatcher(config, { random: seededRandom(1) }, Date.now());
    this.#engine = engine;
    this.#observe = observe;
  }

  /** Makes the calls of a run one after the other. */
  async run(app: string, calls: readonly DrivenCall[]): Promise<void> {
    this.#number += 1;
    const runId = `r${this.#number}`;
    for (const [i, call] of calls.entries()) {
      const request: CallRequest = {
        callId: `${runId}-${i}`,
        runId,
        app,
        unit: call.unit,
        backend: 'llm',
        kind: 'llm',
        model: this.#engine.model,
        inputTokens: call.input,
        arrivedAt: Date.now(),
        final: i === calls.length - 1,
      };
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#calls.set(request.callId, { call, done: resolve });
      this.#step({ type: 'submitted', call: request });
      await promise;
    }
  }

  stop(): void {
    clearTimeout(this.#alarm);
  }

  #step(event: DispatchEvent): void {
    const now = Date.now();
    const events = [event];
    const effects = this.#dispatcher.step(events, now);
    this.#observe(this.#dispatcher, now, events, effects);
    for (const effect of effects) {
      if (effect.type === 'granted') void this.#serve(effect.callId);
      if (effect.type === 'refused') throw new Error(`a call was refused: ${effect.code}`);
    }
    clearTimeout(this.#alarm);
    const inMs = this.#dispatcher.dueAt(now) - now;
    if (inMs < Infinity) this.#alarm = setTimeout(() => this.#step({ type: 'tick' }), inMs);
  }

  async #serve(callId: string): Promise<void> {
    const served = this.#calls.get(callId);
    if (!served) return;
    this.#calls.delete(callId);
    const result = await this.#ask(callId, served.call);
    this.#step({ type: 'ended', callId, result });
    served.done();
  }

  async #ask(callId: string, { input, output }: DrivenCall): Promise<CallResult> {
    const { url, model, key } = this.#engine;
    const startedAt = Date.now();
    // Each begins with a word of its own, so that the engine has none of it in its cache.
    const content = `${callId} ${'river '.repeat(input)}`;
    const response = await fetch(`${url}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key ?? 'none'}` },
      body: JSON.stringify({
        model,
        messages: [{ role: 'user', content }],
        max_tokens: output,
        ignore_eos: true,
      }),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`the engine answered ${response.status}`);
    const { usage, timings } = answer;
    return {
      outcome: 'ok',
      endpointFault: false,
      cold: false,
      serviceMs: Date.now() - startedAt,
      inputTokens: usage.prompt_tokens,
      outputTokens: usage.completion_tokens,
      ...(timings ? { prefillMs: timings.prompt_ms, decodeMs: timings.predicted_ms } : {}),
    };
  }
}

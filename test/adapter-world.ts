/**
 * Engines that load adapters, on a virtual clock, behind a dispatcher: they do what they are told after
 * a while, or fail, lose an answer, or start anew and forget everything. It records what a dispatcher
 * must never do.
 */
import type { DispatchEvent, Effect } from '../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../src/core/dispatch/dispatcher.ts';
import type { DispatcherConfig } from '../src/core/dispatch/dispatcher-config.ts';
import { seededRandom } from '../src/core/learning/random.ts';
import type { CallResult } from '../src/core/runs/call-result.ts';
import { backendSpec, callRequest, configOf, okResult } from './dispatch-builders.ts';
import { TimedDispatcher } from './timed-dispatcher.ts';

export interface WorldOptions {
  readonly endpoints?: number;
  readonly slots?: number;
  readonly most?: number;
  readonly adapters?: readonly string[];
  readonly loadMs?: number;
  readonly serviceMs?: number;
  readonly backend?: Parameters<typeof backendSpec>[0];
}

type Load = Extract<Effect, { type: 'adapter-load' }>;
/** How a load goes; `lost`: the engine has it, and nobody hears of that. */
export type LoadWay = 'ok' | 'failed' | 'lost';

export class AdapterWorld extends TimedDispatcher {
  readonly dispatcher: Dispatcher;
  readonly engines = new Map<string, Set<string>>();
  /** Calls that run: endpoint and adapter, if any. */
  readonly running = new Map<string, { readonly endpoint: string; readonly adapter?: string }>();
  readonly ended = new Map<string, CallResult['outcome']>();
  readonly loads: Load[] = [];
  readonly effects: Effect[] = [];
  readonly wrongs: string[] = [];
  mostHeld = 0;
  /** The way of the next loads, the first one first; `ok` where none is left. */
  readonly ways: LoadWay[] = [];
  readonly #options: Required<Omit<WorldOptions, 'backend'>>;
  /** How the last attempt of each call ended. */
  readonly #last = new Map<string, CallResult['outcome']>();
  readonly #model = new Map<string, string | undefined>();

  constructor({ backend, ...options }: WorldOptions = {}) {
    super();
    this.#options = {
      ...{ endpoints: 1, slots: 2, most: 1, adapters: ['a', 'b', 'c'], loadMs: 1_000 },
      serviceMs: 100,
      ...options,
    };
    const config = this.config(backend);
    this.dispatcher = new Dispatcher(config, { random: seededRandom(1) }, 0);
    for (const { id } of config.backends.llm?.endpoints ?? []) this.engines.set(id, new Set());
  }

  config(backend: WorldOptions['backend'] = {}): DispatcherConfig {
    const { endpoints, slots, most, adapters, loadMs } = this.#options;
    const ids = Array.from({ length: endpoints }, (_, i) => `e${i + 1}`);
    const sources = new Map(adapters.map((name) => [name, `/${name}`]));
    const spec = backendSpec({
      endpoints: ids.map((id) => ({ id, slots, maxAdapters: most })),
      adapters: { sources, loadMs },
      ...backend,
    });
    return configOf({ policy: 'fcfs', backends: { llm: spec } });
  }

  get backend() {
    const backend = this.dispatcher.backends.get('llm');
    if (!backend) throw new Error('no backend');
    return backend;
  }

  submit(callId: string, model: string | undefined, fields: object = {}): void {
    this.#model.set(callId, model);
    const named = model === undefined ? {} : { model };
    const call = callRequest(callId, { arrivedAt: this.now, ...named, ...fields });
    this.step({ type: 'submitted', call });
  }

  /** The engine starts anew: its calls fail, and its adapters are gone. */
  restart(endpoint: string): void {
    this.engines.get(endpoint)?.clear();
  }

  step(...events: DispatchEvent[]): void {
    const effects = this.dispatcher.step(events, this.now);
    this.effects.push(...effects);
    for (const event of events) {
      if (event.type === 'ended') this.#last.set(event.callId, event.result.outcome);
    }
    for (const effect of effects) this.#react(effect);
  }

  #react(effect: Effect): void {
    if (effect.type === 'released') this.#released(effect.callId);
    else if (effect.type === 'granted') this.#begin(effect.callId, effect.endpoint);
    else if (effect.type === 'adapter-load' && !effect.dryRun) this.#load(effect);
    else if (effect.type === 'refused') this.ended.set(effect.callId, 'failed');
  }

  #begin(callId: string, endpoint: string): void {
    const model = this.#model.get(callId);
    const adapter =
      model !== undefined && this.#options.adapters.includes(model) ? model : undefined;
    const isThere = adapter === undefined || this.engines.get(endpoint)?.has(adapter);
    if (!isThere) {
      const result = okResult(0, { outcome: 'failed', mayBeCold: true, serviceMs: 5 });
      this.running.set(callId, { endpoint });
      return this.later(5, { type: 'ended', callId, result, again: true });
    }
    this.running.set(callId, { endpoint, ...(adapter === undefined ? {} : { adapter }) });
    this.later(this.#options.serviceMs, { type: 'ended', callId, result: okResult(10) });
  }

  #load(order: Load): void {
    this.loads.push(order);
    const { backend, endpoint, load, spare } = order;
    const { adapter, at, unload } = load;
    const engine = this.engines.get(endpoint) ?? new Set();
    const way = this.ways.shift() ?? 'ok';
    for (const name of unload) {
      for (const run of this.running.values()) {
        if (run.endpoint === endpoint && run.adapter === name) this.wrongs.push(`${name} in use`);
      }
      engine.delete(name);
    }
    if (way !== 'failed') {
      // As the loader does where the engine has no room.
      for (const name of spare) {
        if (engine.size < this.#options.most || engine.has(adapter)) break;
        engine.delete(name);
      }
      engine.add(adapter);
      this.mostHeld = Math.max(this.mostHeld, engine.size);
    }
    const answer = { type: 'adapter-answered' as const, backend, endpoint, adapter, loadAt: at };
    const tookMs = this.#options.loadMs;
    if (way === 'lost') {
      const report = { ok: false, isUnsure: true, unloaded: unload, reason: 'lost' };
      return this.later(order.patienceMs, { ...answer, ...report });
    }
    const report = way === 'ok' ? { ok: true } : { ok: false, reason: 'no adapter there' };
    this.later(tookMs, { ...answer, ...report, unloaded: unload, tookMs });
  }

  #released(callId: string): void {
    this.running.delete(callId);
    // A call that the dispatcher still has waits for another attempt.
    if (!this.dispatcher.call(callId)) this.ended.set(callId, this.#last.get(callId) ?? 'failed');
  }
}

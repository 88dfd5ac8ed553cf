/**
 * An engine that scales to zero and keeps what it has read, on a virtual clock, behind a dispatcher
 * that may have it read prefixes ahead. Runs have a search elsewhere before their call. The engine
 * fails, hangs or goes cold as a test wants; what must never be is recorded.
 */
import { snapshotOf } from '../src/core/backends/backend-snapshot.ts';
import type { BackendSpec } from '../src/core/backends/backend-spec.ts';
import type { DispatchEvent, Effect } from '../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../src/core/dispatch/dispatcher.ts';
import { restoredDispatcher } from '../src/core/dispatch/restored-dispatcher.ts';
import { seededRandom } from '../src/core/learning/random.ts';
import type { KeptPrefix, PrefixLink } from '../src/core/runs/prefix.ts';
import { backendSpec, callRequest, configOf, okResult } from './dispatch-builders.ts';
import { TimedDispatcher } from './timed-dispatcher.ts';

export const COLD_MS = 5_000;
export const IDLE_MS = 60_000;
const INPUT_MS = 0.1;
const SEARCH_MS = 20_000;

type Read = Extract<Effect, { type: 'prefix-read' }>;
type Settled = Extract<Effect, { type: 'prefix-settled' }>;
/** How the next read goes. */
export type ReadWay = 'ok' | 'failed' | 'hangs';

/** The tools that all runs have, of so many tokens, and what a run adds to them. */
export function chainOf(run: string, tools = 'tools', tokens = 8_000): PrefixLink[] {
  return [
    { id: tools, tokens },
    { id: `${tools} ${run}`, tokens: tokens + 500 },
  ];
}

export class PrefixWorld extends TimedDispatcher {
  dispatcher: Dispatcher;
  readonly effects: Effect[] = [];
  readonly reads: Read[] = [];
  readonly settled: Settled[] = [];
  readonly stops: Effect[] = [];
  /** Links that a grant has asked the text of. */
  readonly wanted: string[] = [];
  kept: KeptPrefix[] = [];
  /** Texts are handed on when they are asked for. */
  handsOn = true;
  readonly ways: ReadWay[] = [];
  readonly wrongs: string[] = [];
  /** Slots in use at the engine, by calls and by a read. */
  #inUse = 0;
  readonly #slots: number;
  readonly #options: Partial<BackendSpec>;

  constructor({ slots = 1, ...options }: Partial<BackendSpec> & { slots?: number } = {}) {
    super();
    this.#slots = slots;
    this.#options = options;
    this.dispatcher = new Dispatcher(this.config(), { random: seededRandom(1) }, 0);
  }

  config(options: Partial<BackendSpec> = this.#options) {
    const coldStart = { estimateMs: COLD_MS, idleTimeoutMs: IDLE_MS };
    const llm = backendSpec({
      endpoints: [{ id: 'e1', slots: this.#slots, coldStart }],
      speed: { inputMs: INPUT_MS, outputMs: 1 },
      prewarm: { mode: 'on', theta: 0.25, prefix: true },
      ...options,
    });
    const search = backendSpec({ slots: 100, speed: { inputMs: 0, outputMs: 1 } });
    return configOf({ policy: 'fcfs', backends: { llm, search } });
  }

  get endpoint() {
    const endpoint = this.dispatcher.backends.get('llm')?.endpoints.get('e1');
    if (!endpoint) throw new Error('no endpoint');
    return endpoint;
  }

  get counts() {
    return this.dispatcher.accounts.daily.ofDay('llm', this.now);
  }

  get outcomes(): string[] {
    return this.settled.map(({ outcome }) => outcome);
  }

  /** A run searches for a while, and then asks the model with this chain. */
  run(id: string, chain: readonly PrefixLink[], { searchMs = SEARCH_MS, app = 'app' } = {}): void {
    const fields = { runId: id, app, unit: 'search', backend: 'search', kind: 'service' as const };
    const search = callRequest(`${id}-search`, { ...fields, inputTokens: 0, arrivedAt: this.now });
    this.#chains.set(id, { chain, app });
    this.step({ type: 'submitted', call: search });
    const result = okResult(0, { serviceMs: searchMs });
    this.later(searchMs, { type: 'ended', callId: `${id}-search`, result });
  }

  readonly #chains = new Map<string, { chain: readonly PrefixLink[]; app: string }>();

  /** Runs that were before, a while apart from each other. */
  learn(runs: number, chain = (run: string) => chainOf(run)): void {
    for (let i = 0; i < runs; i += 1) {
      // Their searches differ in length, so that the wake comes well before some of the calls.
      this.run(`past-${i}`, chain(`past-${i}`), { searchMs: SEARCH_MS + (i % 5) * 10_000 });
      this.until(this.now + 300_000);
    }
  }

  /** The object died and a new one has begun. Nobody hears of what was under way. */
  restart(): void {
    const backends = [...this.dispatcher.backends].map(
      ([name, backend]) => [name, JSON.parse(JSON.stringify(snapshotOf(backend)))] as const,
    );
    const running = [...this.dispatcher.register.runs.values()].map((run) => run.snapshot());
    const stored = { backends, running, leases: [] };
    const options = { random: seededRandom(1) };
    this.dispatcher = restoredDispatcher(this.config(), options, stored, this.now);
    this.step({ type: 'prefixes-kept', prefixes: this.kept });
  }

  step(...events: DispatchEvent[]): void {
    for (const event of events) this.#before(event);
    const effects = this.dispatcher.step(events, this.now);
    this.effects.push(...effects);
    for (const effect of effects) this.#react(effect);
    for (const event of events) {
      if (event.type !== 'ended' || !event.callId.endsWith('-search')) continue;
      this.#ask(event.callId.slice(0, -'-search'.length));
    }
  }

  #before(event: DispatchEvent): void {
    const isRead = event.type === 'prefix-answered';
    if (isRead || (event.type === 'ended' && !event.callId.endsWith('-search'))) this.#inUse -= 1;
  }

  /** The client of a run leaves. */
  drop(id: string): void {
    this.#chains.delete(id);
    this.step({ type: 'cancelled', callId: `${id}-search` }, { type: 'run-finished', runId: id });
  }

  #ask(id: string): void {
    const asked = this.#chains.get(id);
    if (!asked) return;
    const { chain, app } = asked;
    const tokens = chain.at(-1)?.tokens ?? 100;
    const fields = { runId: id, app, unit: 'answer', inputTokens: tokens, prefix: chain };
    const call = callRequest(`${id}-answer`, { ...fields, arrivedAt: this.now, final: true });
    this.step({ type: 'submitted', call });
  }

  #react(effect: Effect): void {
    switch (effect.type) {
      case 'wake': {
        const { backend, endpoint, wake } = effect;
        const answer = { type: 'wake-answered' as const, backend, endpoint, ok: true };
        return this.later(COLD_MS, { ...answer, wakeAt: wake.at, tookMs: COLD_MS });
      }
      case 'granted':
        return effect.backend === 'llm' ? this.#serve(effect) : undefined;
      case 'prefix-read':
        return this.#read(effect);
      case 'prefix-stop':
        this.stops.push(effect);
        this.#inUse -= 1;
        return;
      case 'prefix-settled':
        this.settled.push(effect);
        return;
      default:
        return;
    }
  }

  #serve({ callId, keepPrefix }: Extract<Effect, { type: 'granted' }>): void {
    this.#take(callId);
    if (keepPrefix !== undefined) this.#keep(callId, keepPrefix);
    const tokens = this.dispatcher.call(callId)?.request.inputTokens ?? 0;
    const result = okResult(100, { inputTokens: tokens, serviceMs: tokens * INPUT_MS + 100 });
    this.later(result.serviceMs, { type: 'ended', callId, result });
  }

  #keep(callId: string, link: string): void {
    this.wanted.push(link);
    if (!this.handsOn) return;
    const chain = this.dispatcher.call(callId)?.request.prefix ?? [];
    const end = chain.findIndex(({ id }) => id === link);
    this.kept = [...this.kept, { backend: 'llm', chain: chain.slice(0, end + 1) }];
    this.later(50, { type: 'prefixes-kept', prefixes: this.kept });
  }

  #read(read: Read): void {
    this.#take('a read');
    if (this.dispatcher.backends.get('llm')?.waiting) this.wrongs.push('read while calls wait');
    this.reads.push(read);
    const { backend, endpoint, readAt } = read;
    const answer = { type: 'prefix-answered' as const, backend, endpoint, readAt };
    const way = this.ways.shift() ?? 'ok';
    const tookMs = 8_000 * INPUT_MS;
    if (way !== 'hangs') this.later(tookMs, { ...answer, ok: way === 'ok', tookMs });
  }

  #take(what: string): void {
    this.#inUse += 1;
    if (this.#inUse > this.#slots) this.wrongs.push(`${what}: ${this.#inUse} of ${this.#slots}`);
  }
}

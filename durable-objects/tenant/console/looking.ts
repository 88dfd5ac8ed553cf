/**
 * What the console sees of a tenant: answers its questions and feeds its stream. It changes nothing,
 * and costs a call nothing but a count while no page is open. Changes are in steering.ts.
 */
import { toDispatcherConfig } from '../../../src/config/dispatcher-config.ts';
import type { TenantConfig } from '../../../src/config/schema.ts';
import type { DispatchEvent, Effect } from '../../../src/core/dispatch/dispatch-events.ts';
import type { Dispatcher } from '../../../src/core/dispatch/dispatcher.ts';
import { type DailyCounts, dayOf } from '../../../src/core/prewarm/daily-accounts.ts';
import { LINE_PAGE, type NowView } from '../../../src/protocol/console/now.ts';
import type { StreamMessage } from '../../../src/protocol/console/stream.ts';
import {
  type ConsoleKey,
  type ConsoleQuestion,
  type ConsoleReply,
  STREAM_KEY_HEADER,
} from '../../../src/protocol/looking.ts';
import type { CallLog } from '../call-log.ts';
import type { DispatchLoop } from '../dispatch-loop.ts';
import type { TenantSettings } from '../tenant-settings.ts';
import type { TenantStore } from '../tenant-store.ts';
import { callStory } from './call-story.ts';
import { linePage } from './line-view.ts';
import { nowView } from './now-view.ts';
import { type RunsSource, runStory, runsPage } from './runs-view.ts';
import { ConsoleStream, type StreamContext } from './stream.ts';
import { traceText } from './trace-view.ts';

export interface LookingContext {
  readonly state: StreamContext['state'];
  readonly store: TenantStore;
  readonly settings: TenantSettings;
  readonly loop: DispatchLoop;
  readonly log: CallLog;
}

/** Effects that change what the screen Warmth shows. */
const WARMTH: ReadonlySet<Effect['type']> = new Set([
  ...(['wake', 'wake-settled', 'release', 'order-answered'] as const),
]);

export class Looking {
  readonly stream: ConsoleStream;
  readonly #context: LookingContext;
  readonly #startedAt = Date.now();
  #version = 0;
  /** The states of all endpoints, and the silent calls, when they were last looked at. */
  #states = '';

  constructor(context: LookingContext) {
    this.#context = context;
    this.stream = new ConsoleStream({
      state: context.state,
      view: () => this.#message(),
      isRevoked: (key) => this.#isRevoked(key),
    });
  }

  /** The dispatcher made a step. */
  stepped(events: readonly DispatchEvent[], effects: readonly Effect[]): void {
    const { dispatcher } = this.#context.loop;
    const isQuiet = effects.length === 0 && events.every(({ type }) => QUIET.has(type));
    if (isQuiet && !(this.stream.isWatched && dispatcher && this.#stateChanged(dispatcher))) return;
    this.#version += 1;
    if (this.stream.isWatched) this.stream.changed('now');
    for (const { type } of effects) {
      if (type === 'run-finished') this.stream.changed('applications');
      if (type === 'run-finished' || type === 'released') this.stream.changed('runs');
      if (WARMTH.has(type)) this.stream.changed('warmth');
    }
  }

  /** Answers a question; `key`: absent for the administrator. */
  async answer(question: ConsoleQuestion, key?: ConsoleKey): Promise<ConsoleReply> {
    const { settings, loop } = this.#context;
    if (key) {
      await settings.adoptFromKv(key.version);
      if (this.#isRevoked(key)) return { ok: false, code: 'invalid_api_key' };
    }
    const { dispatcher } = loop;
    const { config } = settings;
    if (!dispatcher || !config) return { ok: false, code: 'tenant_not_found' };
    switch (question.type) {
      case 'now':
        return json(this.#now(dispatcher, config));
      case 'line': {
        const backend = dispatcher.backends.get(question.backend);
        if (!backend) return { ok: false, code: 'backend_not_found' };
        const wanted = { after: question.after, limit: LINE_PAGE, now: Date.now() };
        return json(linePage(dispatcher, backend, config, wanted));
      }
      case 'runs':
        return json(runsPage(this.#runs(dispatcher), question.filter));
      case 'run': {
        const story = runStory(this.#runs(dispatcher), question.run);
        return story ? json(story) : { ok: false, code: 'run_not_found' };
      }
      case 'call': {
        const story = callStory(this.#context.log, question.id, key?.keyId);
        return story ? json(story) : { ok: false, code: 'call_not_found' };
      }
      case 'trace': {
        const weights = toDispatcherConfig(config).weights;
        const { store } = this.#runs(dispatcher);
        const source = { dispatcher, store, order: config, weights };
        return { ok: true, json: traceText(source, question.limit) };
      }
      default:
        return question satisfies never;
    }
  }

  /** Runs that ended are written before they are read. */
  #runs(dispatcher: Dispatcher): RunsSource {
    const { loop, store, log } = this.#context;
    loop.flush();
    return { dispatcher, store, log, now: Date.now() };
  }

  /** Opens the stream of a page that the Worker has authenticated. */
  async open(request: Request): Promise<Response> {
    const header = request.headers.get(STREAM_KEY_HEADER);
    const key: ConsoleKey | null = header ? JSON.parse(header) : null;
    if (key) await this.#context.settings.adoptFromKv(key.version);
    if (key && this.#isRevoked(key)) return new Response(null, { status: 401 });
    if (!this.#context.loop.dispatcher) return new Response(null, { status: 404 });
    const socket = this.stream.open(key);
    if (!socket) return new Response(null, { status: 429 });
    return new Response(null, { status: 101, webSocket: socket });
  }

  #message(): { text: string; version: number } | undefined {
    const { dispatcher } = this.#context.loop;
    const { config } = this.#context.settings;
    if (!dispatcher || !config) return undefined;
    const now = this.#now(dispatcher, config);
    const { at, version } = now;
    return {
      text: JSON.stringify({ type: 'now', at, version, now } satisfies StreamMessage),
      version,
    };
  }

  #now(dispatcher: Dispatcher, config: TenantConfig): NowView {
    const now = Date.now();
    let today: Map<string, DailyCounts> | undefined;
    return nowView({
      dispatcher,
      order: config,
      startedAt: this.#startedAt,
      version: this.#version,
      now,
      storedToday: (backend) => {
        today ??= new Map(
          this.#context.store.prewarm.day(dayOf(now)).map((day) => [day.backend, day.counts]),
        );
        return today.get(backend);
      },
    });
  }

  #isRevoked({ keyId, keyHash, version }: ConsoleKey): boolean {
    const { settings } = this.#context;
    return !settings.config || settings.isRevoked(keyId, version, keyHash);
  }

  #stateChanged(dispatcher: Dispatcher): boolean {
    let states = '';
    for (const backend of dispatcher.backends.values()) {
      for (const { state, presumed } of backend.endpoints.values())
        states += `${state}${presumed} `;
      let silent = 0;
      for (const { lease } of backend.runningCalls()) if (lease?.doubted) silent += 1;
      states += `${silent} `;
    }
    const isOther = states !== this.#states;
    this.#states = states;
    return isOther;
  }
}

/** Events that change nothing that is shown, unless they have effects. */
const QUIET: ReadonlySet<DispatchEvent['type']> = new Set([
  ...(['tick', 'renewed', 'forecast', 'runs-read'] as const),
]);

function json(answer: object): ConsoleReply {
  return { ok: true, json: JSON.stringify(answer) };
}

/**
 * A dispatcher on bare workerd in front of a real engine, and what the tests of this folder ask of
 * both.
 */
import { inject } from 'vitest';
import { type Engine, startLlamaServer } from '../../scripts/engine/llama-server.ts';
import { freePort } from '../../scripts/raw-workerd.ts';
import { admin } from '../../scripts/stack.ts';
import { type Dispatcher, startDispatcher } from '../e2e/harness.ts';

export const found = inject('engine');
/** Whether tests may start, kill and configure engines; not where `ENGINE` names one. */
export const ownsEngines = found.kind === 'program';
/** The name of the model, as the tests' engines and the backend's configuration have it. */
const OWN_MODEL = 'tiny';

/** What differs between the engines that a test starts. */
export interface EngineWish {
  readonly slots?: number;
  readonly slotContext?: number;
  /** `router`: a server that loads the models `small` and `large` when they are called. */
  readonly model?: 'chat' | 'rerank' | 'router';
  readonly more?: readonly string[];
  readonly port?: number;
}

/** Starts an engine without waiting for its model. */
export async function startEngine(wish: EngineWish = {}): Promise<Engine> {
  if (found.kind !== 'program') throw new Error('the engine is not ours to start');
  const { model = 'chat', more = [], port = await freePort(), ...size } = wish;
  const { binary, chatModel, rerankModel, modelsFolder } = found;
  const files = { chat: chatModel, rerank: rerankModel };
  return startLlamaServer({
    binary,
    port,
    ...(model === 'router'
      ? { model: { folder: modelsFolder }, more }
      : { model: { file: files[model] }, more: ['--alias', OWN_MODEL, ...more] }),
    ...size,
  });
}

export interface EngineBench {
  readonly dispatcher: Dispatcher;
  /** The address of the dispatcher's API, with `/v1`. */
  readonly baseURL: string;
  readonly apiKey: string;
  readonly tenant: string;
  readonly model: string;
  /** The engines that the bench started; none where `ENGINE` names one. */
  readonly engines: readonly Engine[];
  /** The address of the first engine's API, for calls past the dispatcher. */
  readonly engineUrl: string;
  /** Sends a body to a path of the dispatcher. */
  post(path: string, body: object, more?: CallOptions): Promise<Response>;
  /** Sends a body to the same path of the engine itself. */
  postToEngine(path: string, body: object): Promise<Response>;
  /** The tenant's backend as the status shows it. */
  status(): Promise<BackendView>;
  close(): Promise<void>;
}

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** The part of a backend's status that the tests read. */
export interface BackendView {
  readonly waiting: number;
  readonly running: number;
  readonly speed: { readonly inputMs: number; readonly outputMs: number };
  readonly endpoints: ReadonlyArray<{
    readonly endpoint: string;
    readonly state: string;
    readonly running: number;
    readonly slots: number;
    readonly usable_slots: number | null;
    readonly slots_limited_by: string | null;
  }>;
}

/** What differs between benches. */
export interface BenchWish {
  /** Engines to start, each an endpoint of the one backend; one usual one where absent. */
  readonly engines?: readonly EngineWish[];
  /** The models of the backend; the engine's one where absent. */
  readonly models?: readonly string[];
  /** The key that the engines want. */
  readonly engineKey?: string;
  /** Slots of each endpoint in the configuration; what the engine has where absent. */
  readonly slots?: number;
  /** Further fields of each endpoint, of the backend, and of the tenant. */
  readonly endpoint?: object;
  readonly backend?: object;
  readonly settings?: object;
  /** Whether to return before the models are loaded. */
  readonly whileLoading?: boolean;
}

const TENANT = 'engine';

/** Starts engines and a dispatcher whose only backend they are. */
export async function startBench(wish: BenchWish = {}): Promise<EngineBench> {
  const engineKey = found.kind === 'running' ? found.key : wish.engineKey;
  const keyed = wish.engineKey ? ['--api-key', wish.engineKey] : [];
  const engines = ownsEngines
    ? await Promise.all(
        (wish.engines ?? [{}]).map((one) =>
          startEngine({ ...one, more: [...keyed, ...(one.more ?? [])] }),
        ),
      )
    : [];
  if (!wish.whileLoading) await Promise.all(engines.map((engine) => engine.ready()));
  const urls = found.kind === 'running' ? [found.url] : engines.map(({ url }) => url);
  const model = found.kind === 'running' ? await firstModel(found.url, found.key) : OWN_MODEL;
  const dispatcher = await startDispatcher(engineKey ? { ENGINE_KEY: engineKey } : {});
  const auth = engineKey ? { auth: { secret: 'ENGINE_KEY' } } : {};
  const endpoints = urls.map((url, place) => ({
    name: `engine-${place + 1}`,
    url,
    slots: wish.slots ?? wish.engines?.[place]?.slots ?? 4,
    ...auth,
    ...wish.endpoint,
  }));
  const apiKey = await dispatcher.tenant(TENANT, {
    backends: { llm: { models: wish.models ?? [model], endpoints, ...wish.backend } },
    ...wish.settings,
  });
  const baseURL = `${dispatcher.workerd.url}/v1`;
  const [engineUrl = ''] = urls;
  const send = (url: string, key: string, body: object, more: CallOptions = {}) =>
    fetch(url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
        ...more.headers,
      },
      body: JSON.stringify({ model, ...body }),
      ...(more.signal ? { signal: more.signal } : {}),
    });
  return {
    dispatcher,
    baseURL,
    apiKey,
    tenant: TENANT,
    model,
    engines,
    engineUrl,
    post: (path, body, more) => send(`${baseURL}${path}`, apiKey, body, more),
    postToEngine: (path, body) => send(`${engineUrl}${path}`, engineKey ?? 'none', body),
    status: async () => {
      const status = await admin(dispatcher.workerd.url, 'GET', `/tenants/${TENANT}/status`);
      return JSON.parse(status).backends.llm;
    },
    close: async () => {
      await dispatcher.close();
      await Promise.all(engines.map((engine) => engine.stop('SIGKILL')));
    },
  };
}

async function firstModel(url: string, key: string | undefined): Promise<string> {
  const headers = key ? { authorization: `Bearer ${key}` } : {};
  const list = (await (await fetch(`${url}/models`, { headers })).json()) as {
    data: Array<{ id: string }>;
  };
  const id = list.data[0]?.id;
  if (!id) throw new Error(`${url}/models lists no model`);
  return id;
}

/** A user's message of about this many tokens. */
export function words(count: number, word = 'river'): string {
  return `${word} `.repeat(count).trim();
}

/** The data of a stream's events, in order. */
export function eventData(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice('data:'.length).trim());
}

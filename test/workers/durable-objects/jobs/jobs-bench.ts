/**
 * A tenant, its key and an endpoint whose answers the test gives: the setup that tests of jobs
 * share.
 */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { vi } from 'vitest';
import { PATIENT } from '../../../patience.ts';

export const ADMIN = { authorization: 'Bearer test-admin' };
export const CHAT = '/v1/chat/completions';
export const BODY = { model: 'm', messages: [{ role: 'user', content: 'Hi' }] };

type Json = Record<string, unknown>;

export interface Seen {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly text: string;
  readonly signal: AbortSignal;
}

export type Answer = (seen: Seen) => Response | Promise<Response>;

export interface Told {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Json & { error?: Json; data?: Json[]; response?: Json };
}

/** Base URLs of endpoints and webhook receivers; the tenant's name follows. */
const ENDPOINTS = 'http://127.0.0.1:9';
const RECEIVERS = 'https://hooks.example.com';

let tenants = 0;

export class JobsBench {
  readonly tenant: string;
  key = '';
  /** Calls that reached the endpoint; below, webhooks that were sent. */
  readonly calls: Seen[] = [];
  readonly webhooks: Seen[] = [];
  answer: Answer = () => Response.json({ id: 'a', choices: [], usage: { prompt_tokens: 1 } });
  webhook: Answer = () => new Response('ok');

  private constructor(tenant: string) {
    this.tenant = tenant;
  }

  static async start(jobs: Json = {}, slots = 4): Promise<JobsBench> {
    tenants += 1;
    const bench = new JobsBench(`jobs-${tenants}-${crypto.randomUUID().slice(0, 8)}`);
    await bench.configure(jobs, slots);
    const made = await bench.fetch('POST', `/admin/tenants/${bench.tenant}/keys`, undefined, ADMIN);
    bench.key = String(made.json.key);
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
      const request = new Request(input as Request, init);
      const { url, method, headers, signal } = request;
      const seen = { url, method, headers, text: await request.text(), signal };
      // A request that an earlier test left behind.
      if (!url.includes(`/${bench.tenant}/`)) return Response.json({ choices: [] });
      const isCall = url.startsWith(ENDPOINTS);
      (isCall ? bench.calls : bench.webhooks).push(seen);
      return isCall ? bench.answer(seen) : bench.webhook(seen);
    });
    return bench;
  }

  async configure(jobs: Json, slots = 4): Promise<void> {
    const endpoint = { url: this.endpoint, slots };
    const put = await this.fetch(
      'PUT',
      `/admin/tenants/${this.tenant}`,
      {
        jobs,
        backends: {
          m: { models: ['m'], endpoints: [endpoint] },
          tool: { endpoints: [endpoint] },
        },
      },
      ADMIN,
    );
    if (put.status >= 300) throw new Error(JSON.stringify(put.json));
  }

  /** Creates another key of the tenant; returns its id and its header. */
  async newKey(): Promise<{ id: string; headers: { authorization: string } }> {
    const made = await this.fetch('POST', `/admin/tenants/${this.tenant}/keys`, undefined, ADMIN);
    return { id: String(made.json.id), headers: { authorization: `Bearer ${made.json.key}` } };
  }

  get endpoint(): string {
    return `${ENDPOINTS}/${this.tenant}/v1`;
  }

  /** The URL of the tenant's webhooks. */
  get receiver(): string {
    return `${RECEIVERS}/${this.tenant}/hook`;
  }

  /** Sends a request with the tenant's key; a string body is sent as it is. */
  async fetch(
    method: string,
    path: string,
    body?: object | string,
    headers: HeadersInit = {},
  ): Promise<Told> {
    const all = new Headers({ authorization: `Bearer ${this.key}` });
    for (const [name, value] of new Headers(headers)) all.set(name, value);
    const text = typeof body === 'object' ? JSON.stringify(body) : body;
    const request = new Request(`http://talaria.test${path}`, {
      method,
      headers: all,
      ...(text === undefined ? {} : { body: text }),
    });
    const response = await exports.default.fetch(request);
    const answer = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json');
    const json = isJson ? JSON.parse(answer) : { text: answer };
    return { status: response.status, headers: response.headers, json };
  }

  order(fields: Json = {}, headers: HeadersInit = {}): Promise<Told> {
    return this.fetch('POST', '/v1/jobs', { path: CHAT, body: BODY, ...fields }, headers);
  }

  /** Creates a job; returns its id. */
  async ordered(fields: Json = {}): Promise<string> {
    const { status, json } = await this.order(fields);
    if (status !== 202) throw new Error(JSON.stringify(json));
    return String(json.id);
  }

  async job(id: string): Promise<Told['json']> {
    return (await this.fetch('GET', `/v1/jobs/${id}`)).json;
  }

  /** Waits until the job is in one of these states; returns it. */
  async once(id: string, ...states: string[]): Promise<Told['json']> {
    return vi.waitUntil(async () => {
      const job = await this.job(id);
      return states.includes(String(job.status)) ? job : undefined;
    }, PATIENT);
  }

  async upload(text: string, fields: Record<string, string> = {}): Promise<Told> {
    const form = new FormData();
    form.set('purpose', 'batch');
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    form.set('file', new File([text], 'input.jsonl'));
    const response = await exports.default.fetch(
      new Request('http://talaria.test/v1/files', {
        method: 'POST',
        headers: { authorization: `Bearer ${this.key}` },
        body: form,
      }),
    );
    return { status: response.status, headers: response.headers, json: await response.json() };
  }

  /** Uploads lines and creates a batch of them; returns its id. */
  async batch(lines: readonly object[], fields: Json = {}): Promise<string> {
    const file = await this.upload(lines.map((l) => JSON.stringify(l)).join('\n'));
    const made = await this.fetch('POST', '/v1/batches', {
      input_file_id: file.json.id,
      endpoint: CHAT,
      completion_window: '24h',
      ...fields,
    });
    if (made.status !== 200) throw new Error(JSON.stringify(made.json));
    return String(made.json.id);
  }

  async batchOnce(id: string, ...states: string[]): Promise<Told['json']> {
    return vi.waitUntil(async () => {
      const { json } = await this.fetch('GET', `/v1/batches/${id}`);
      return states.includes(String(json.status)) ? json : undefined;
    }, PATIENT);
  }

  /** The lines of a file, by their custom id. */
  async lines(file: unknown): Promise<Map<string, Json>> {
    const { json } = await this.fetch('GET', `/v1/files/${file}/content`);
    const lines = String(json.text).split('\n').filter(Boolean);
    return new Map(lines.map((text) => JSON.parse(text)).map((l) => [l.custom_id, l]));
  }

  get object() {
    return env.JOBS.getByName(this.tenant);
  }

  /** Waits until the endpoint has had this many calls. */
  async called(times: number): Promise<void> {
    await vi.waitUntil(() => this.calls.length >= times, PATIENT);
  }

  async alarm(): Promise<void> {
    await runDurableObjectAlarm(this.object);
  }

  async evict(): Promise<void> {
    await evictDurableObject(this.object);
  }

  /** A number from the object's storage. */
  count(query: string): Promise<number> {
    return runInDurableObject(this.object, (_object, state) =>
      Number(state.storage.sql.exec(query).one().n),
    );
  }
}

/** Moves Date.now() forward by this time. */
export function later(ms: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms });
}

/** A line of a batch's input. */
export function line(customId: string, fields: Json = {}): Json {
  return { custom_id: customId, method: 'POST', url: CHAT, body: BODY, ...fields };
}

/** An answer that is given when the test calls `open`. */
export function gate(): { answer: Answer; open: () => void; aborted: () => number } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let aborted = 0;
  return {
    open: resolve,
    aborted: () => aborted,
    answer: async ({ signal }) => {
      const left = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => {
          aborted += 1;
          reject(signal.reason);
        });
      });
      await Promise.race([promise, left]);
      return Response.json({ id: 'late', choices: [] });
    },
  };
}

/**
 * Requests as clients really write them, end to end: encodings, keys, paths, WebSockets, and aliases
 * of models, with the real SDKs where one would notice.
 */
import { request as httpRequest } from 'node:http';
import * as zlib from 'node:zlib';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI, { AzureOpenAI, toFile } from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Dispatcher, startDispatcher, until } from './harness.ts';
import { type RecordingEndpoint, startRecordingEndpoint } from './recording-endpoint.ts';

let dispatcher: Dispatcher;
let gpu: RecordingEndpoint;
let key: string;
let url: string;
let plain: RecordingEndpoint['answer'];

beforeAll(async () => {
  dispatcher = await startDispatcher();
  gpu = await startRecordingEndpoint();
  plain = gpu.answer;
  url = dispatcher.workerd.url;
  key = await dispatcher.tenant('requests', {
    backends: {
      m: {
        models: ['m', { name: 'claude-*', as: 'inner' }, { name: 'gpt-4o', as: 'inner' }],
        endpoints: [{ url: `${gpu.url}/v1`, slots: 8 }],
      },
      tool: { endpoints: [{ url: `${gpu.url}/tool`, slots: 8 }] },
    },
    limits: { bodyBytes: 100_000 },
  });
});

beforeEach(() => {
  gpu.taken();
  gpu.answer = plain;
});

afterAll(async () => {
  gpu.close();
  await dispatcher.close();
});

const CHAT =
  '{"model":"m","messages":[{"role":"user","content":"hi"}],"seed":12345678901234567890}';

function post(path: string, body: BodyInit, headers: Record<string, string> = {}) {
  const bearer = { authorization: `Bearer ${key}` };
  return fetch(url + path, { method: 'POST', headers: { ...bearer, ...headers }, body });
}

const encoders = {
  gzip: zlib.gzipSync,
  deflate: zlib.deflateSync,
  br: zlib.brotliCompressSync,
  zstd: zlib.zstdCompressSync,
} as const;

describe('a compressed request', () => {
  it.each(Object.keys(encoders) as Array<keyof typeof encoders>)(
    'in %s is decoded for a model, and left as it is for a tool',
    async (coding) => {
      const body = encoders[coding](CHAT);
      const headers = { 'content-encoding': coding, 'content-type': 'application/json' };
      expect((await post('/v1/chat/completions', body, headers)).status).toBe(200);
      expect((await post('/v1/backends/tool/x', body, headers)).status).toBe(200);
      const [model, tool] = gpu.taken();
      expect(model?.body.toString()).toBe(CHAT);
      expect(model?.headers['content-encoding']).toBeUndefined();
      expect(tool?.body).toEqual(body);
      expect(tool?.headers['content-encoding']).toBe(coding);
    },
  );

  it('is bounded by what it decodes to, and named where nobody knows it', async () => {
    const bomb = zlib.gzipSync(Buffer.alloc(50_000_000));
    const tooLarge = await post('/v1/chat/completions', bomb, { 'content-encoding': 'gzip' });
    expect(tooLarge.status).toBe(413);
    const unknown = await post('/v1/chat/completions', CHAT, { 'content-encoding': 'lzma' });
    expect(unknown.status).toBe(415);
    expect(unknown.headers.get('accept-encoding')).toBe('gzip, deflate, br, zstd');
    expect(await unknown.text()).toContain('gzip, deflate, br, zstd');
    expect(gpu.taken()).toEqual([]);
  });

  it('may be an order of a job, an upload, or a form', async () => {
    const job = zlib.zstdCompressSync(`{"path":"/v1/chat/completions","body":${CHAT}}`);
    const zstd = { 'content-encoding': 'ZSTD' };
    expect((await post('/v1/jobs', job, zstd)).status).toBe(202);
    const [ordered] = await until(
      () => gpu.taken(),
      (taken) => taken.length > 0,
    );
    expect(ordered?.body.toString()).toBe(CHAT);
    const form =
      '--B\r\ncontent-disposition: form-data; name="model"\r\n\r\ngpt-4o\r\n' +
      '--B\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nabc\r\n--B--\r\n';
    const type = { 'content-type': 'multipart/form-data; boundary=B', 'content-encoding': 'br' };
    await post('/v1/audio/transcriptions', zlib.brotliCompressSync(form), type);
    expect(gpu.taken()[0]?.body.toString()).toBe(form.replace('gpt-4o', 'inner'));
  });
});

describe('an API key', () => {
  const stale = 'tal_0000000000000000000000000000000000000000';
  it.each([
    ['beside a stale bearer', () => ({ authorization: `Bearer ${stale}`, 'x-api-key': key })],
    ['beside a stale x-api-key', () => ({ authorization: `Bearer ${key}`, 'x-api-key': stale })],
    ['of Azure', () => ({ authorization: '', 'api-key': key })],
    [
      'of Azure beside stale ones',
      () => ({ authorization: 'Bearer x', 'x-api-key': stale, 'api-key': key }),
    ],
  ])('%s lets in, and no key is passed on', async (_what, headers) => {
    for (const path of ['/v1/chat/completions', '/v1/messages']) {
      const body = '{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}';
      expect((await post(path, body, headers())).status).toBe(200);
      const [sent] = gpu.taken();
      for (const name of ['authorization', 'x-api-key', 'api-key']) {
        expect(sent?.headers[name]).toBeUndefined();
      }
    }
  });

  it('that is wrong everywhere, or nowhere, is refused', async () => {
    const wrong = { authorization: `Bearer ${stale}`, 'x-api-key': stale, 'api-key': 'x' };
    expect((await post('/v1/chat/completions', CHAT, wrong)).status).toBe(401);
    const none = await post('/v1/chat/completions', CHAT, { authorization: '' });
    expect(none.status).toBe(401);
    expect(await none.text()).toContain('api-key');
  });

  it("has its model in Azure's path where a form has none", async () => {
    const file =
      '--B\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nabc\r\n--B--\r\n';
    const type = { 'content-type': 'multipart/form-data; boundary=B' };
    const path = '/openai/deployments/gpt-4o/audio/transcriptions?api-version=2024-06-01';
    expect((await post(path, file, type)).status).toBe(200);
    const [sent] = gpu.taken();
    expect(sent?.path).toBe('/v1/audio/transcriptions?api-version=2024-06-01');
    const form = await new Response(Uint8Array.from(sent?.body ?? []), {
      headers: type,
    }).formData();
    expect([form.get('model'), await (form.get('file') as File).text()]).toEqual(['inner', 'abc']);
    const unknown = await post(path.replace('gpt-4o', 'none'), file, type);
    expect(unknown.status).toBe(404);
  });

  it("comes with Azure's SDK, in its paths", async () => {
    const azure = new AzureOpenAI({
      endpoint: url,
      apiKey: key,
      apiVersion: '2024-10-21',
      maxRetries: 0,
    });
    const messages = [{ role: 'user' as const, content: 'hi' }];
    const answer = await azure.chat.completions.create({ model: 'gpt-4o', messages });
    expect(answer.model).toBe('gpt-4o');
    expect(gpu.taken()[0]?.path).toBe('/v1/chat/completions?api-version=2024-10-21');
    // These have no deployment in their path.
    expect((await azure.models.list()).data.map(({ id }) => id)).toContain('gpt-4o');
    await azure.responses.create({ model: 'm', input: 'hi' });
    expect(gpu.taken()[0]?.path).toBe('/v1/responses?api-version=2024-10-21');
    expect((await azure.batches.list()).data).toEqual([]);
  });
});

describe('a model that the path alone names', () => {
  it.each([
    ['/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21', 'inner'],
    ['/v1/openai/deployments/m/chat/completions', 'm'],
    ['/v1/engines/m/chat/completions', 'm'],
  ])('%s is served by %s', async (path, model) => {
    const body = '{"messages":[{"role":"user","content":"hi"}],"seed":12345678901234567890}';
    expect((await post(path, body)).status).toBe(200);
    const [sent] = gpu.taken();
    expect(sent?.path).toMatch(/^\/v1\/chat\/completions(\?api-version=2024-10-21)?$/);
    expect(sent?.body.toString()).toBe(`${body.slice(0, -1)},"model":"${model}"}`);
  });

  it('is refused where nobody serves it, and counts less than that of the body', async () => {
    const path = '/openai/deployments/nobody/chat/completions';
    const refused = await post(path, '{"messages":[{"role":"user","content":"hi"}]}');
    expect(refused.status).toBe(404);
    expect(await refused.text()).toContain('nobody');
    expect((await post(path, CHAT)).status).toBe(200);
    expect(gpu.taken()[0]?.body.toString()).toBe(CHAT);
  });
});

describe('a path', () => {
  it.each([
    '//v1/chat/completions',
    '/v1//chat/completions',
    '/v1/chat/completions/',
    '/v1/v1/chat/completions',
    '/v1/v1/v1//chat//completions//',
    '/openai/v1/chat/completions',
    '/api/v1/chat/completions',
  ])('%s is served as clients mean it', async (path) => {
    expect((await post(path, CHAT)).status).toBe(200);
    expect(gpu.taken()[0]?.path).toBe('/v1/chat/completions');
  });

  it('of a tool is its own behind the name of its backend', async () => {
    for (const [path, sent] of [
      ['/v1/v1/backends/tool/v1/v1/x/', '/tool/v1/v1/x/'],
      ['//v1//backends//tool/a//b', '/tool/a//b'],
      ['/v1/backends/tool', '/tool'],
      ['/v1/backends/tool/', '/tool/'],
    ]) {
      expect((await post(path ?? '', CHAT)).status).toBe(200);
      expect(gpu.taken()[0]?.path).toBe(sent);
    }
    expect((await post('/v1//backends/tool//x', CHAT)).status).toBe(400);
  });

  it('leads to no guarded path in another spelling', async () => {
    for (const path of [
      '/v1//jobs',
      '/v1/v1/jobs',
      '/v1/jobs/',
      '/openai/v1/files',
      '/openai/jobs',
    ]) {
      const order = JSON.stringify({ path, body: {} });
      expect((await post('/v1/jobs', order)).status).toBe(400);
    }
    expect((await fetch(`${url}//admin/tenants/requests/`)).status).toBe(401);
  });

  it('that takes another method, or lacks /v1, is refused with a sentence that says so', async () => {
    for (const [method, path, told] of [
      ['GET', '/v1/chat/completions', '\\"/v1/chat/completions\\" takes POST, and not GET.'],
      ['PUT', '/openai/responses', '\\"/openai/responses\\" takes POST, and not PUT.'],
      ['GET', '/v1/messages', '\\"/v1/messages\\" takes POST, and not GET.'],
      ['PATCH', '/v1/files/f', '\\"/v1/files/f\\" takes GET or DELETE, and not PATCH.'],
      ['GET', '/models', 'Nothing is at \\"/models\\": the base URL ends with /v1.'],
      ['POST', '/V1/chat/completions', 'paths are compared with their case.'],
      ['POST', '/v1/Messages/', 'paths are compared with their case.'],
      ['POST', '/responses', 'Nothing is at \\"/responses\\": the base URL ends with /v1.'],
    ] as const) {
      const answer = await fetch(url + path, { method, headers: { 'x-api-key': key } });
      expect(answer.status).toBe(404);
      expect(await answer.text()).toContain(told);
    }
  });

  it('that is known and not served is refused with a sentence', async () => {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
    await expect(client.conversations.create()).rejects.toThrow(/Conversations are not served/);
    for (const path of ['realtime/sessions', 'realtime', 'vector_stores/x/files', 'assistants']) {
      const answer = await post(`/v1/${path}`, '{}');
      expect(answer.status).toBe(404);
      expect(await answer.text()).toMatch(/not served/);
    }
    const bare = await post('/chat/completions', CHAT);
    expect(await bare.text()).toContain('/v1');
  });

  it('for compaction or counting of the Responses API reaches the endpoint', async () => {
    const client = new OpenAI({ baseURL: `${url}/v1/`, apiKey: key, maxRetries: 0 });
    await client.responses.compact({ model: 'gpt-4o', input: 'long' });
    await client.responses.inputTokens.count({ model: 'gpt-4o', input: 'long' });
    const sent = gpu.taken();
    expect(sent.map(({ path }) => path)).toEqual([
      '/v1/responses/compact',
      '/v1/responses/input_tokens',
    ]);
    for (const { body } of sent) expect(JSON.parse(body.toString()).model).toBe('inner');
  });
});

describe('a page in a browser', () => {
  const origin = 'https://app.acme.com';
  const preflight = (from: string, headers: Record<string, string> = {}) =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'OPTIONS',
      headers: {
        origin: from,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,x-stainless-os',
        ...headers,
      },
    });
  const allowed = (answer: Response) => answer.headers.get('access-control-allow-origin');

  it('is told nothing, and the developer why, until a tenant allows its origin', async () => {
    const refused = await preflight(origin);
    expect(refused.status).toBe(403);
    expect(await refused.text()).toContain('cors.origins');
    expect(allowed(refused)).toBeNull();
    // An engine's own headers are none of Talaria's.
    gpu.answer = (_request, response) => {
      response.setHeader('access-control-allow-origin', '*');
      response.end('{}');
    };
    const answer = await post('/v1/chat/completions', CHAT, { origin });
    expect(answer.status).toBe(200);
    expect(allowed(answer)).toBeNull();
    // Ollama refuses pages that it does not know; to it the call is the dispatcher's.
    expect(gpu.taken()[0]?.headers.origin).toBeUndefined();
  });

  it('may call where its tenant allows it, and read errors', async () => {
    const mine = 'http://localhost:5173';
    const own = await dispatcher.tenant('browsers', {
      backends: { b: { models: ['m'], endpoints: [{ url: `${gpu.url}/v1` }] } },
      cors: { origins: [mine] },
    });
    const asked = await preflight(mine);
    expect(asked.status).toBe(204);
    expect(allowed(asked)).toBe(mine);
    expect(asked.headers.get('access-control-allow-headers')).toContain('authorization');
    expect(asked.headers.get('access-control-allow-methods')).toContain('POST');
    expect(asked.headers.get('access-control-allow-credentials')).toBeNull();
    const headers = { origin: mine, authorization: `Bearer ${own}` };
    const answer = await post('/v1/chat/completions', CHAT, headers);
    expect(allowed(answer)).toBe(mine);
    expect(answer.headers.get('access-control-expose-headers')).toBe('*');
    const wrong = await post('/v1/chat/completions', '{', headers);
    expect([wrong.status, allowed(wrong)]).toEqual([400, mine]);
    const noKey = await post('/v1/chat/completions', CHAT, { origin: mine, authorization: '' });
    expect([noKey.status, allowed(noKey)]).toEqual([401, mine]);
    // Another tenant does not allow it, and nobody another origin.
    expect(allowed(await post('/v1/chat/completions', CHAT, { origin: mine }))).toBeNull();
    for (const other of [
      'null',
      'https://localhost:5173',
      'http://localhost',
      `${mine}.evil.com`,
    ]) {
      expect((await preflight(other)).status).toBe(403);
      expect(
        allowed(await post('/v1/chat/completions', CHAT, { ...headers, origin: other })),
      ).toBeNull();
    }
    // Nothing of the administrator's is for pages.
    const admin = await fetch(`${url}/admin/tenants/browsers`, {
      method: 'OPTIONS',
      headers: { origin: mine },
    });
    expect(allowed(admin)).toBeNull();
  });
});

describe('a WebSocket', () => {
  function upgrade(path: string, protocol: string): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const headers = {
      authorization: `Bearer ${key}`,
      connection: 'Upgrade',
      upgrade: protocol,
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    };
    const sent = httpRequest(url + path, { headers });
    sent.on('response', (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    sent.on('upgrade', (answer, socket) => {
      socket.destroy();
      resolve(answer.statusCode ?? 0);
    });
    sent.on('error', reject).end();
    return promise;
  }

  it('is refused at once with 426, so that Codex goes on by HTTP', async () => {
    for (const protocol of ['websocket', 'WebSocket']) {
      expect(await upgrade('/v1/responses', protocol)).toBe(426);
    }
    expect(await upgrade('/v1/realtime?model=m', 'websocket')).toBe(426);
    expect(await upgrade('/v1/backends/tool/x', 'websocket')).toBe(200);
  });
});

describe('an alias of a model', () => {
  const events = (...data: ReadonlyArray<Readonly<Record<string, unknown>>>) =>
    data
      .map((d) => `${d.type ? `event: ${d.type}\r\n` : ''}data: ${JSON.stringify(d)}\r\n\r\n`)
      .join('');
  const stream = (text: string) => {
    gpu.answer = (_request, response) => {
      response.setHeader('content-type', 'text/event-stream');
      response.end(text);
    };
  };
  const json = (value: object) => {
    gpu.answer = (_request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(value));
    };
  };
  const messages = [{ role: 'user' as const, content: 'hi' }];

  it('is rewritten in the body alone, and the answer has it back: Chat Completions', async () => {
    const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
    const choice = {
      index: 0,
      finish_reason: 'stop',
      message: { role: 'assistant', content: 'x' },
    };
    json({ id: 'a', choices: [choice], metadata: { model: 'inner' }, model: 'inner-0528' });
    const answer = await openai.chat.completions.create({ model: 'gpt-4o', messages });
    expect(answer).toMatchObject({ model: 'gpt-4o', metadata: { model: 'inner' } });
    const text =
      '{ "model" : "gpt-4o","seed":12345678901234567890,"messages":[{"role":"user"}],"a":1,"a":2}';
    await post('/v1/chat/completions', text);
    expect(gpu.taken().at(-1)?.body.toString()).toBe(text.replace('gpt-4o', 'inner'));
    const chunk = (delta: object, finish_reason: string | null) => ({
      id: 'c',
      object: 'chat.completion.chunk',
      model: 'inner',
      choices: [{ index: 0, delta, finish_reason }],
    });
    stream(
      `${events(chunk({ content: '"model":"inner"' }, null), chunk({}, 'stop'))}data: [DONE]\n\n`,
    );
    const chunks = [];
    const streamed = await openai.chat.completions.create({
      model: 'gpt-4o',
      messages,
      stream: true,
    });
    for await (const c of streamed) chunks.push(c);
    expect(chunks.map((c) => c.model)).toEqual(['gpt-4o', 'gpt-4o']);
    expect(chunks[0]?.choices[0]?.delta.content).toBe('"model":"inner"');
  });

  it('is rewritten in the body alone, and the answer has it back: Messages', async () => {
    const anthropic = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
    const usage = { input_tokens: 1, output_tokens: 1 };
    const message = {
      id: 'a',
      type: 'message',
      role: 'assistant',
      model: 'inner',
      stop_reason: null,
    };
    const tool = { type: 'tool_use', id: 't', name: 'n', input: { model: 'inner' } };
    json({ ...message, content: [tool], stop_reason: 'tool_use', usage });
    const request = { model: 'claude-sonnet-9[1m]', max_tokens: 5, messages };
    const answer = await anthropic.messages.create(request);
    expect(answer).toMatchObject({
      model: request.model,
      content: [{ input: { model: 'inner' } }],
    });
    expect(JSON.parse(String(gpu.taken()[0]?.body)).model).toBe('inner');
    stream(
      events(
        { type: 'message_start', message: { ...message, content: [], usage } },
        { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
        { type: 'content_block_stop', index: 0 },
        { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage },
        { type: 'message_stop' },
      ),
    );
    const final = await anthropic.messages.stream(request).finalMessage();
    expect(final.model).toBe(request.model);
  });

  it('is rewritten in the body alone, and the answer has it back: Responses', async () => {
    const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
    const response = {
      id: 'r',
      object: 'response',
      output: [],
      model: 'inner',
      metadata: { model: 'inner' },
    };
    json(response);
    const answer = await openai.responses.create({ model: 'gpt-4o', input: 'hi' });
    expect(answer).toMatchObject({ model: 'gpt-4o', metadata: { model: 'inner' } });
    stream(
      events(
        { type: 'response.created', response },
        { type: 'response.completed', response: { ...response, status: 'completed' } },
      ),
    );
    const seen = [];
    for await (const event of await openai.responses.create({
      model: 'gpt-4o',
      input: 'hi',
      stream: true,
    })) {
      if ('response' in event) seen.push(event.response);
    }
    expect(seen).toHaveLength(2);
    for (const r of seen)
      expect(r).toMatchObject({ model: 'gpt-4o', metadata: { model: 'inner' } });
  });

  it('holds for embeddings, counts of tokens, jobs and lines of batches', async () => {
    const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
    const anthropic = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
    await anthropic.messages.countTokens({ model: 'claude-x', messages });
    const chat = CHAT.replace('"m"', '"claude-y"');
    const job = await post('/v1/jobs', `{"path":"/v1/chat/completions","body":${chat}}`);
    const { id } = (await job.json()) as { id: string };
    const done = await until(
      async () => (await fetch(`${url}/v1/jobs/${id}`, { headers: { 'x-api-key': key } })).text(),
      (text) => text.includes('"completed"'),
    );
    expect(JSON.parse(done).response.body.model).toBe('claude-y');
    const line = `{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":${chat}}`;
    const file = await openai.files.create({
      file: await toFile(Buffer.from(line), 'in.jsonl'),
      purpose: 'batch',
    });
    const endpoint = '/v1/chat/completions';
    const batch = await openai.batches.create({
      input_file_id: file.id,
      endpoint,
      completion_window: '24h',
    });
    const ended = await until(
      () => openai.batches.retrieve(batch.id),
      ({ status }) => status === 'completed' || status === 'failed',
    );
    const output = await (await openai.files.content(ended.output_file_id ?? '')).text();
    expect(JSON.parse(output).response.body.model).toBe('claude-y');
    for (const { body } of gpu.taken()) expect(JSON.parse(String(body)).model).toBe('inner');
  });

  it('is listed where it is a name, and known where a pattern stands for it', async () => {
    const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
    const ids = [];
    for await (const model of openai.models.list()) ids.push(model.id);
    expect(ids).toEqual(['m', 'gpt-4o']);
    expect(await openai.models.retrieve('claude-opus-9')).toMatchObject({ id: 'claude-opus-9' });
    await expect(openai.models.retrieve('mistral')).rejects.toMatchObject({ status: 404 });
    await expect(openai.models.retrieve('inner')).rejects.toMatchObject({ status: 404 });
  });
});

describe("a tool's GET", () => {
  // As Elasticsearch's clients send it.
  const get = (method: string, body: string, chunked = false) =>
    new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      const length = chunked
        ? { 'transfer-encoding': 'chunked' }
        : { 'content-length': body.length };
      const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
      const options = { method, headers: { ...headers, ...length } };
      const request = httpRequest(`${url}/v1/backends/tool/_search`, options, async (answer) => {
        let text = '';
        for await (const piece of answer) text += piece;
        resolve({ status: answer.statusCode, text });
      });
      request.once('error', reject);
      request.end(body);
    });

  it.each([false, true])(
    'that has a body is refused and not sent without it (chunked: %s)',
    async (c) => {
      const { status, text } = await get('GET', '{"query":{}}', c);
      expect([status, text]).toEqual([400, expect.stringContaining('cannot be passed on')]);
      expect((await get('HEAD', '{"query":{}}', c)).status).toBe(400);
      expect(gpu.taken()).toEqual([]);
    },
  );

  it('that has an empty one is sent', async () => {
    expect((await get('GET', '')).status).toBe(200);
    expect((await get('GET', '', true)).status).toBe(200);
    expect((await get('DELETE', '{"query":{}}')).status).toBe(200);
    expect(gpu.taken().map(({ body }) => body.toString())).toEqual(['', '', '{"query":{}}']);
  });
});

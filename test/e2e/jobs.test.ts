/**
 * Jobs on bare workerd: the official SDK's batches with only baseURL and apiKey changed, and
 * crashes of the whole process, which must not affect waiting and running jobs.
 */
import { createHmac } from 'node:crypto';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admin } from '../../scripts/stack.ts';
import { type Dispatcher, startDispatcher, statusOf, until } from './harness.ts';

interface Call {
  /** The text of the user's message. */
  readonly text: string;
  readonly res: ServerResponse;
  /** The connection closed before the call was answered. */
  aborted: boolean;
}

let dispatcher: Dispatcher;
let server: Server;
let endpointUrl: string;
let calls: Call[] = [];
/** True for the texts whose calls are held until the test answers them. */
let holds = (_text: string): boolean => false;

function answer({ res, text }: Call): void {
  const message = { role: 'assistant', content: `heard ${text}` };
  res.writeHead(200, { 'content-type': 'application/json' });
  res.end(
    JSON.stringify({
      id: 'c',
      object: 'chat.completion',
      choices: [{ index: 0, message, finish_reason: 'stop' }],
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    }),
  );
}

function heard(req: IncomingMessage, res: ServerResponse): void {
  // What is asked beside calls, such as an engine's load, is no call.
  if (req.method !== 'POST') return void res.writeHead(404).end();
  const parts: Buffer[] = [];
  req.on('data', (part: Buffer) => parts.push(part));
  req.once('end', () => {
    const { messages } = JSON.parse(Buffer.concat(parts).toString());
    const call: Call = { text: messages[0].content, res, aborted: false };
    calls.push(call);
    res.once('close', () => {
      call.aborted = !res.writableFinished;
    });
    if (!holds(call.text)) answer(call);
  });
}

beforeAll(async () => {
  dispatcher = await startDispatcher();
  server = createServer(heard);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpointUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
});

afterAll(async () => {
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error|jobs_failed|job_not_settled/);
  await dispatcher.close();
  server.closeAllConnections();
  server.close();
});

function tenant(name: string, jobs: object = {}, slots = 4): Promise<string> {
  calls = [];
  holds = () => false;
  return dispatcher.tenant(name, {
    leaseMs: 5_000,
    jobs,
    backends: { m: { models: ['m'], endpoints: [{ url: endpointUrl, slots }] } },
  });
}

function chat(content: string): object {
  return { model: 'm', messages: [{ role: 'user', content }] };
}

interface Job {
  id: string;
  status: string;
  attempts: number;
  response: { status_code: number; body: { choices: [{ message: { content: string } }] } };
}

async function ask(key: string, method: string, path: string, body?: object): Promise<Job> {
  const response = await fetch(`${dispatcher.workerd.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}` },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
  return (await response.json()) as Job;
}

function order(key: string, content: string, fields: object = {}): Promise<Job> {
  const job = { path: '/v1/chat/completions', body: chat(content), ...fields };
  return ask(key, 'POST', '/v1/jobs', job);
}

function ended(key: string, { id }: { id: string }): Promise<Job> {
  return until(
    () => ask(key, 'GET', `/v1/jobs/${id}`),
    (job) => !['queued', 'in_progress'].includes(job.status),
  );
}

describe('a 200 whose body is only an error', () => {
  const error = { message: 'out of memory', type: 'server_error', code: 500 };

  it('completes no job and no line of a batch', async () => {
    const key = await tenant('only-errors', { maxAttempts: 2 });
    holds = () => true;
    const refuse = ({ res }: Call) => {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.end(JSON.stringify({ error }));
    };
    const refusing = (n: number) =>
      until(
        () => {
          for (const call of calls) if (!call.res.headersSent) refuse(call);
          return calls.length;
        },
        (made) => made >= n,
      );
    const job = await order(key, 'x');
    await refusing(2);
    const { status, attempts, response } = await ended(key, job);
    expect({ status, attempts }).toEqual({ status: 'failed', attempts: 2 });
    expect(response.status_code).toBe(502);
    expect(JSON.stringify(response.body)).toContain('out of memory');

    calls = [];
    const client = new OpenAI({ apiKey: key, baseURL: `${dispatcher.workerd.url}/v1` });
    const line = { custom_id: 'a', method: 'POST', url: '/v1/chat/completions', body: chat('y') };
    const file = await client.files.create({
      purpose: 'batch',
      file: await toFile(Buffer.from(JSON.stringify(line)), 'in.jsonl'),
    });
    const batch = await client.batches.create({
      input_file_id: file.id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
    });
    await refusing(2);
    const done = await until(
      () => client.batches.retrieve(batch.id),
      (b) => b.status === 'completed',
    );
    expect(done.request_counts).toEqual({ total: 1, completed: 0, failed: 1 });
  });
});

describe("the SDK's batches", () => {
  it('are created, done, listed, and their files read', async () => {
    const apiKey = await tenant('sdk');
    const client = new OpenAI({ baseURL: `${dispatcher.workerd.url}/v1`, apiKey, maxRetries: 0 });
    const lines = [
      ...Array.from({ length: 30 }, (_, i) => ({ custom_id: `r-${i}`, body: chat(`n ${i}`) })),
      { custom_id: 'bad', body: { ...chat('x'), model: 'none' } },
    ].map((l) => JSON.stringify({ ...l, method: 'POST', url: '/v1/chat/completions' }));
    const file = await client.files.create({
      purpose: 'batch',
      file: await toFile(Buffer.from(lines.join('\n')), 'in.jsonl'),
      expires_after: { anchor: 'created_at', seconds: 3_600 },
    });
    expect(file).toMatchObject({ object: 'file', filename: 'in.jsonl', purpose: 'batch' });
    expect(file.bytes).toBe(Buffer.byteLength(lines.join('\n')));
    const created = await client.batches.create({
      input_file_id: file.id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
      metadata: { talaria_app: 'nightly' },
    });
    expect(created).toMatchObject({ object: 'batch', input_file_id: file.id });
    const batch = await until(
      () => client.batches.retrieve(created.id),
      (b) => b.status === 'completed',
    );
    expect(batch.request_counts).toEqual({ total: 31, completed: 30, failed: 1 });
    expect(batch.usage).toMatchObject({ input_tokens: 90, output_tokens: 60, total_tokens: 150 });
    const output = await client.files.content(batch.output_file_id ?? '');
    const results = (await output.text())
      .trim()
      .split('\n')
      .map((l) => JSON.parse(l));
    expect(results).toHaveLength(30);
    for (const result of results) {
      expect(result.response.status_code).toBe(200);
      const { content } = result.response.body.choices[0].message;
      expect(content).toBe(`heard n ${result.custom_id.slice(2)}`);
    }
    const errors = await client.files.content(batch.error_file_id ?? '');
    expect(JSON.parse(await errors.text())).toMatchObject({
      custom_id: 'bad',
      response: { status_code: 404, body: { error: { code: 'model_not_found' } } },
    });
    const listed = [];
    for await (const b of client.batches.list({ limit: 1 })) listed.push(b.id);
    expect(listed).toEqual([created.id]);
    const files = [];
    for await (const f of client.files.list({ limit: 1, order: 'asc' })) files.push(f.id);
    expect(files.sort()).toEqual([file.id, batch.output_file_id, batch.error_file_id].sort());
    expect(await client.files.delete(file.id)).toMatchObject({ id: file.id, deleted: true });
    await expect(client.files.retrieve(file.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    // Its runs were learned from as runs of the application that the batch names.
    const text = await admin(dispatcher.workerd.url, 'GET', '/tenants/sdk/pdgraph?app=nightly');
    expect(JSON.parse(text).applications).toMatchObject([{ app: 'nightly', runs: 30 }]);
  });

  it('report what is wrong with their input, and can be cancelled', async () => {
    const apiKey = await tenant('sdk-cancel', { concurrency: 2 });
    const client = new OpenAI({ baseURL: `${dispatcher.workerd.url}/v1`, apiKey, maxRetries: 0 });
    const endpoint = '/v1/chat/completions' as const;
    const order = async (text: string) => {
      const file = await client.files.create({
        purpose: 'batch',
        file: await toFile(Buffer.from(text), 'in.jsonl'),
      });
      const input_file_id = file.id;
      return client.batches.create({ input_file_id, endpoint, completion_window: '24h' });
    };
    const failed = await order('{"custom_id":"a"}\nnot json\n');
    const told = await until(
      () => client.batches.retrieve(failed.id),
      (b) => b.status === 'failed',
    );
    expect(told.errors?.data).toMatchObject([
      { line: 1, code: 'invalid_request', param: 'method' },
      { line: 2, code: 'invalid_json_line' },
    ]);
    holds = (text) => text !== 'first';
    const line = (id: string) =>
      JSON.stringify({ custom_id: id, method: 'POST', url: endpoint, body: chat(id) });
    const batch = await order(['first', 'second', 'third', 'fourth'].map(line).join('\n'));
    await until(
      () => calls.filter((c) => holds(c.text)).length,
      (n) => n === 2,
    );
    expect((await client.batches.cancel(batch.id)).status).toBe('cancelling');
    const cancelled = await until(
      () => client.batches.retrieve(batch.id),
      (b) => b.status === 'cancelled',
    );
    expect(cancelled.request_counts).toEqual({ total: 4, completed: 1, failed: 3 });
    await until(
      () => calls.filter((c) => c.aborted).length,
      (n) => n === 2,
    );
    const output = await client.files.content(cancelled.output_file_id ?? '');
    expect(JSON.parse(await output.text())).toMatchObject({ custom_id: 'first' });
    await expect(client.batches.cancel(batch.id)).rejects.toMatchObject({ code: 'batch_ended' });
  });
});

describe('a job', () => {
  it('that is deleted is cancelled at the endpoint, and its slot is free', async () => {
    const key = await tenant('deleter', {}, 1);
    holds = () => true;
    const job = await order(key, 'held');
    await until(
      () => calls.length,
      (n) => n === 1,
    );
    expect(await ask(key, 'DELETE', `/v1/jobs/${job.id}`)).toMatchObject({ status: 'cancelled' });
    await until(
      () => calls[0]?.aborted,
      (aborted) => aborted === true,
    );
    const idle = await until(
      () => statusOf(dispatcher.workerd.url, 'deleter'),
      (s) => s.m?.running === 0,
    );
    expect(idle.m).toMatchObject({ running: 0, waiting: 0 });
  });

  it('whose answer is too long is failed, and cancelled at the endpoint', async () => {
    const key = await tenant('brief', { resultBytes: 1_024 }, 1);
    holds = () => true;
    const job = await order(key, 'endless');
    await until(
      () => calls.length,
      (n) => n === 1,
    );
    const [call] = calls;
    call?.res.writeHead(200, { 'content-type': 'application/json' });
    const more = setInterval(() => call?.res.write('x'.repeat(600)), 5);
    expect(await ended(key, job)).toMatchObject({
      status: 'failed',
      response: null,
      error: { code: 'result_too_large' },
    });
    await until(
      () => call?.aborted,
      (aborted) => aborted === true,
    );
    clearInterval(more);
    await until(
      () => statusOf(dispatcher.workerd.url, 'brief'),
      (s) => s.m?.running === 0,
    );
  });

  it('goes behind a call whose client is waiting', async () => {
    const key = await tenant('polite', {}, 1);
    holds = (text) => text === 'holder';
    const interactive = (content: string) =>
      fetch(`${dispatcher.workerd.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify(chat(content)),
      });
    const holder = interactive('holder');
    await until(
      () => calls.length,
      (n) => n === 1,
    );
    const job = await order(key, 'job');
    const waiting = (n: number) =>
      until(
        () => statusOf(dispatcher.workerd.url, 'polite'),
        (s) => s.m?.waiting === n,
      );
    await waiting(1);
    const later = interactive('later');
    await waiting(2);
    const [first] = calls;
    if (first) answer(first);
    expect((await ended(key, job)).status).toBe('completed');
    expect([(await holder).status, (await later).status]).toEqual([200, 200]);
    expect(calls.map((c) => c.text)).toEqual(['holder', 'later', 'job']);
  });
});

describe('a crash of the whole process', () => {
  it('loses no job that waits or runs: each finishes after it', async () => {
    const key = await tenant('crasher', { concurrency: 6 }, 3);
    holds = () => true;
    const jobs = await Promise.all(Array.from({ length: 12 }, (_, i) => order(key, `job ${i}`)));
    // Three jobs run, three wait for a slot, six have not been started.
    await until(
      () => calls.length,
      (n) => n === 3,
    );
    const cut = new Set(calls.map((c) => c.text));

    await dispatcher.crash();
    holds = () => false;

    const done = await Promise.all(jobs.map((job) => ended(key, job)));
    for (const [i, job] of done.entries()) {
      expect(job).toMatchObject({ status: 'completed', response: { status_code: 200 } });
      expect(job.response.body.choices[0].message.content).toBe(`heard job ${i}`);
      // Jobs that ran during the crash were started again, and report two attempts.
      if (cut.has(`job ${i}`)) expect(job.attempts).toBe(2);
      else expect(job.attempts).toBeLessThanOrEqual(2);
    }
    const finished = calls.filter((c) => !c.aborted).map((c) => c.text);
    expect(finished.sort()).toEqual(jobs.map((_, i) => `job ${i}`).sort());
  });

  it('needs no request: the alarm continues them', async () => {
    const key = await tenant('unasked', { concurrency: 2 });
    holds = () => true;
    const jobs = [await order(key, 'one'), await order(key, 'two'), await order(key, 'three')];
    await until(
      () => calls.length,
      (n) => n === 2,
    );
    await dispatcher.crash();
    holds = () => false;
    // Observes only the endpoint until all calls have come.
    await until(
      () => new Set(calls.filter((c) => c.res.writableFinished).map((c) => c.text)).size,
      (n) => n === 3,
    );
    for (const job of jobs) expect((await ended(key, job)).status).toBe('completed');
  });

  it('does not keep a webhook from its receiver', async () => {
    const raw = 'a secret of thirty-two bytes, yes';
    const got: Array<{ headers: IncomingHttpHeaders; text: string }> = [];
    const receiver = createServer((req, res) => {
      const parts: Buffer[] = [];
      req.on('data', (part: Buffer) => parts.push(part));
      req.once('end', () => {
        got.push({ headers: req.headers, text: Buffer.concat(parts).toString() });
        res.writeHead(got.length === 1 ? 503 : 200).end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
    const key = await tenant('hooked');
    const job = await order(key, 'x', { webhook: { url, secret: `whsec_${btoa(raw)}` } });
    await until(
      () => got.length,
      (n) => n === 1,
    );
    await dispatcher.crash();
    await until(
      () => got.length,
      (n) => n >= 2,
    );
    receiver.close();
    const [first, second] = got;
    expect(first?.headers['webhook-id']).toBe(second?.headers['webhook-id']);
    for (const { headers, text } of got) {
      const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${text}`;
      const mac = createHmac('sha256', raw).update(signed).digest('base64');
      expect(headers['webhook-signature']).toBe(`v1,${mac}`);
      expect(JSON.parse(text)).toMatchObject({ type: 'job.completed', data: { id: job.id } });
    }
  });

  it('in the middle of a batch changes nothing of its output', async () => {
    const apiKey = await tenant('batch-crash', { concurrency: 8 });
    const client = () =>
      new OpenAI({ baseURL: `${dispatcher.workerd.url}/v1`, apiKey, maxRetries: 0 });
    const ids = Array.from({ length: 40 }, (_, i) => `r-${i}`);
    const text = ids
      .map((id) => ({ custom_id: id, method: 'POST', url: '/v1/chat/completions', body: chat(id) }))
      .map((l) => JSON.stringify(l))
      .join('\n');
    const file = await client().files.create({
      purpose: 'batch',
      file: await toFile(Buffer.from(text), 'in.jsonl'),
    });
    let passed = 0;
    holds = () => {
      passed += 1;
      return passed > 10;
    };
    const batch = await client().batches.create({
      input_file_id: file.id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
    });
    await until(
      () => passed,
      (n) => n >= 12,
    );
    await dispatcher.crash();
    holds = () => false;
    const done = await until(
      () => client().batches.retrieve(batch.id),
      (b) => b.status === 'completed',
    );
    expect(done.request_counts).toEqual({ total: 40, completed: 40, failed: 0 });
    const output = await client().files.content(done.output_file_id ?? '');
    const lines = (await output.text())
      .trim()
      .split('\n')
      .map((l) => JSON.parse(l));
    expect(lines.map((l) => l.custom_id)).toEqual(ids);
  });
});

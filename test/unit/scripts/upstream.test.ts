/**
 * The setting `UPSTREAM` of `npm start`: what is found at a running server, and the message for
 * each error.
 */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { findUpstream, upstreamBackends } from '../../../scripts/upstream.ts';

let server: Server | undefined;

afterEach(() => new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined))));

/** A server that answers by path; every other path is 404. */
async function serve(answers: Readonly<Record<string, string | RequestListener>>): Promise<string> {
  server = createServer((request, response) => {
    const answer = answers[request.url ?? ''];
    if (typeof answer === 'function') return answer(request, response);
    response.statusCode = answer === undefined ? 404 : 200;
    response.end(answer ?? 'not found');
  });
  await new Promise((resolve) => server?.listen(0, '127.0.0.1', () => resolve(undefined)));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const MODELS = JSON.stringify({ object: 'list', data: [{ id: 'a' }, { id: 'b' }, { id: 'a' }] });

describe('an upstream', () => {
  it('is none if the settings name none', async () => {
    expect(await findUpstream({})).toBeUndefined();
    expect(await findUpstream({ UPSTREAM: ' ' })).toBeUndefined();
  });

  it('has the models that it lists, each once, and four slots unless told otherwise', async () => {
    const url = await serve({ '/v1/models': MODELS });
    const found = await findUpstream({ UPSTREAM: `${url}/v1/` });
    expect(found).toEqual({
      ok: true,
      upstream: { url: `${url}/v1`, models: ['a', 'b'], slots: 4, slotsFrom: 'the default' },
    });
  });

  it('has the slots that the server tells, or those that are set', async () => {
    const url = await serve({ '/v1/models': MODELS, '/props': '{"total_slots":3}' });
    expect(await findUpstream({ UPSTREAM: `${url}/v1` })).toMatchObject({ upstream: { slots: 3 } });
    const set = await findUpstream({ UPSTREAM: `${url}/v1`, UPSTREAM_SLOTS: '16' });
    expect(set).toMatchObject({ upstream: { slots: 16, slotsFrom: 'UPSTREAM_SLOTS' } });
  });

  it('has the slots that a router gives each model, the fewest of several', async () => {
    const data = [
      { id: 'a', status: { value: 'unloaded', args: ['llama-server', '--parallel', '8'] } },
      { id: 'b', status: { value: 'loaded', args: ['llama-server', '--parallel', '2', '-t'] } },
      { id: 'c', status: null },
    ];
    const url = await serve({ '/v1/models': JSON.stringify({ data }), '/props': '{}' });
    const found = await findUpstream({ UPSTREAM: `${url}/v1` });
    expect(found).toMatchObject({ upstream: { slots: 2, slotsFrom: 'the server' } });
  });

  it('has the usual slots where what a router says of them is no number', async () => {
    for (const args of [['--parallel'], ['--parallel', '-1'], ['4'], 'x', [], undefined]) {
      const data = [{ id: 'a', status: { args } }];
      const url = await serve({ '/v1/models': JSON.stringify({ data }) });
      const found = await findUpstream({ UPSTREAM: `${url}/v1` });
      expect(found).toMatchObject({ upstream: { slots: 4, slotsFrom: 'the default' } });
      server?.close();
    }
  });

  it('is found under /v1, also where it answers without', async () => {
    const url = await serve({ '/v1/models': MODELS, '/models': MODELS });
    const found = await findUpstream({ UPSTREAM: url });
    expect(found).toMatchObject({ upstream: { url: `${url}/v1` } });
  });

  it('is found without /v1 where there is none', async () => {
    const url = await serve({ '/api/models': MODELS });
    const found = await findUpstream({ UPSTREAM: `${url}/api` });
    expect(found).toMatchObject({ upstream: { url: `${url}/api` } });
  });

  it('has one slot where it is Ollama', async () => {
    const url = await serve({ '/v1/models': MODELS, '/api/version': '{"version":"0.12.6"}' });
    const found = await findUpstream({ UPSTREAM: `${url}/v1` });
    expect(found).toMatchObject({ upstream: { slots: 1, slotsFrom: "Ollama's default" } });
  });

  it('is asked with its key, which is a secret of the Worker afterwards', async () => {
    const url = await serve({
      '/v1/models': ({ headers }, response) => {
        response.statusCode = headers.authorization === 'Bearer sesame' ? 200 : 401;
        response.end(MODELS);
      },
    });
    const found = await findUpstream({ UPSTREAM: `${url}/v1`, UPSTREAM_KEY: 'sesame' });
    expect(found).toMatchObject({ ok: true, upstream: { key: 'sesame' } });
    if (!found?.ok) return;
    expect(JSON.stringify(upstreamBackends(found.upstream))).not.toContain('sesame');
  });
});

describe('a wrong upstream is one sentence', () => {
  it('of llama.cpp, which lists its models without the key that calls need', async () => {
    const refuse: RequestListener = (_, response) => response.writeHead(401).end('{}');
    const data = [{ id: 'a', owned_by: 'llamacpp' }];
    const url = await serve({ '/v1/models': JSON.stringify({ data }), '/props': refuse });
    expect(await findUpstream({ UPSTREAM: `${url}/v1` })).toEqual({
      ok: false,
      problem: `UPSTREAM: ${url}/props answered 401: set UPSTREAM_KEY to its key`,
    });
  });

  it.each([
    ['127.0.0.1:11434/v1', /expected a URL with its scheme/],
    ['ftp://127.0.0.1/v1', /expected a URL with its scheme/],
    ['http://', /expected a URL with its scheme/],
    ['http://192.168.1.5:8000/v1', /expected https, or http on this machine/],
    ['http://user:key@127.0.0.1:1/v1', /expected no credentials/],
    ['http://127.0.0.1:1/v1?a=b', /without query/],
    ['http://127.0.0.1:1/v1', /nothing answers at http:\/\/127\.0\.0\.1:1\/v1\/models/],
  ])('%s', async (url, words) => {
    const found = await findUpstream({ UPSTREAM: url });
    expect(found).toEqual({ ok: false, problem: expect.stringMatching(words) });
  });

  it.each([
    ['<html>', /did not answer as the OpenAI API does/],
    ['{"models":[{"name":"a"}]}', /did not answer as the OpenAI API does/],
    ['{"object":"list","data":[{"name":"a"}]}', /did not answer as the OpenAI API does/],
    ['{"object":"list","data":[]}', /lists no models/],
    ['{"object":"list","data":null}', /lists no models/],
  ])('an answer %s', async (body, words) => {
    const url = await serve({ '/v1/models': body });
    const found = await findUpstream({ UPSTREAM: `${url}/v1` });
    expect(found).toEqual({ ok: false, problem: expect.stringMatching(words) });
  });

  it.each([
    [503, undefined, /it still loads its model/],
    [500, undefined, /answered 500/],
    [401, undefined, /set UPSTREAM_KEY to its key/],
    [401, 'wrong', /UPSTREAM_KEY is not its key/],
  ])('status %i with the key %s', async (status, key, words) => {
    const url = await serve({
      '/v1/models': (_request, response) => {
        response.statusCode = status;
        response.end('{}');
      },
    });
    const found = await findUpstream({ UPSTREAM: `${url}/v1`, UPSTREAM_KEY: key });
    expect(found).toEqual({ ok: false, problem: expect.stringMatching(words) });
  });

  it.each(['0', '-1', '1.5', 'many', '100001'])('slots %s', async (slots) => {
    const found = await findUpstream({ UPSTREAM: 'http://127.0.0.1:1', UPSTREAM_SLOTS: slots });
    expect(found).toMatchObject({ problem: expect.stringContaining('UPSTREAM_SLOTS') });
  });
});

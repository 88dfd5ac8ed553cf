/**
 * The console on bare workerd: its page and files as a deployed Worker serves them, and its API and
 * stream with real calls, a real WebSocket, and an object that is killed under an open page.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASSETS_DIR } from '../../scripts/console-assets.ts';
import { serveTraffic, type Traffic } from '../../scripts/demo-traffic.ts';
import { type Emulator, startEmulator } from '../../scripts/gpu/emulator.ts';
import { ADMIN_TOKEN } from '../../scripts/stack.ts';
import type { RunStory, RunsPage } from '../../src/protocol/console/runs.ts';
import { CONSOLE_PROTOCOL, type StreamMessage } from '../../src/protocol/console/stream.ts';
import { type Dispatcher, startDispatcher, until } from './harness.ts';

let talaria: Dispatcher;
let gpu: Emulator;
let traffic: Traffic;
let key: string;
/** Told to the player once the dispatcher listens. */
const played = { url: '', apiKey: '', tenant: 'demo', model: 'demo-llm', tools: 'tools' };

beforeAll(async () => {
  const speed = { prefillMsPerToken: 0, decodeMsPerToken: 1 };
  gpu = await startEmulator({ models: ['demo-llm'], slots: 2, ordinaryAnswers: true, ...speed });
  traffic = await serveTraffic(played);
  talaria = await startDispatcher({ DEMO_TRAFFIC_URL: traffic.url });
  key = await talaria.tenant('demo', {
    backends: {
      llm: { models: ['demo-llm'], endpoints: [{ url: `${gpu.url}/v1`, slots: 2 }] },
      tools: { endpoints: [{ url: `${gpu.url}/tools`, slots: 4 }] },
    },
  });
  Object.assign(played, { url: talaria.workerd.url, apiKey: key });
});

afterAll(async () => {
  await traffic.close();
  await talaria.close();
  await gpu.close();
});

function get(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${talaria.workerd.url}${path}`, init);
}

async function ask<T>(path: string, init: RequestInit = {}, token = ADMIN_TOKEN): Promise<T> {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await get(`/console/api${path}`, { ...init, headers });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

/** Not a compressed copy, which has no address of its own. */
function isOwn(file: string): boolean {
  return !/\.(br|gz)$/.test(file);
}

/** An open page, with what it has heard. */
function openPage(token: string) {
  const url = `${talaria.workerd.url.replace('http', 'ws')}/console/api/tenants/demo/stream`;
  const socket = new WebSocket(url, [CONSOLE_PROTOCOL, `bearer.${token}`]);
  const heard: StreamMessage[] = [];
  const page = { socket, heard, closed: 0 };
  socket.onopen = () => socket.send(JSON.stringify({ type: 'watch', topics: ['now', 'runs'] }));
  socket.onmessage = ({ data }) => {
    const message: StreamMessage = JSON.parse(data);
    heard.push(message);
    if (message.type === 'now')
      socket.send(JSON.stringify({ type: 'seen', version: message.version }));
  };
  socket.onclose = ({ code }) => {
    page.closed = code;
  };
  return page;
}

describe('static assets', () => {
  it('are the page, asked for each time, and its files, kept for ever', async () => {
    const page = await get('/console/demo/now');
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('cache-control')).toBe('no-cache');
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
    const html = await page.text();
    expect(html).toBe(readFileSync(join(ASSETS_DIR, 'index.html'), 'utf8'));
    expect(html).not.toMatch(/<script>|<style|style=|https?:\/\//);
    const files = readdirSync(join(ASSETS_DIR, 'assets')).filter(isOwn);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const asset = await get(`/console/assets/${file}`);
      expect([file, asset.status]).toEqual([file, 200]);
      expect(asset.headers.get('cache-control')).toContain('immutable');
      expect(asset.headers.get('content-type')).not.toContain('octet-stream');
      await asset.body?.cancel();
    }
  });

  it('are compressed as the browser takes them, and the same when they are read', async () => {
    const files = readdirSync(join(ASSETS_DIR, 'assets')).filter(isOwn);
    const addresses = files.map((file) => [`assets/${file}`, `assets/${file}`] as const);
    const pages = [
      ['t/demo/now', 'index.html'],
      ['t/demo/runs/run-1', 'pages/run.html'],
    ] as const;
    for (const [address, name] of [...pages, ...addresses]) {
      const file = readFileSync(join(ASSETS_DIR, name));
      for (const coding of ['br', 'gzip', 'identity']) {
        const answer = await get(`/console/${address}`, { headers: { 'accept-encoding': coding } });
        const isCompressed = coding !== 'identity' && !/\.png$/.test(name);
        const told = answer.headers.get('content-encoding');
        expect([name, coding, told]).toEqual([name, coding, isCompressed ? coding : null]);
        expect(answer.headers.get('vary')).toContain('accept-encoding');
        const read = Buffer.from(await answer.arrayBuffer());
        expect([name, coding, read.equals(file)]).toEqual([name, coding, true]);
      }
    }
  });

  it('are no list of a folder, and no file that is not there', async () => {
    for (const path of [
      'assets',
      'assets/',
      'assets/none.js',
      'none.css',
      'assets/%2e%2e%2fx.js',
      'assets/none.js.br',
    ]) {
      expect([path, (await get(`/console/${path}`)).status]).toEqual([path, 404]);
    }
  });

  it('have the description of the API, as it was made', async () => {
    const served = await get('/openapi.json');
    expect(served.headers.get('content-type')).toBe('application/json');
    expect(served.headers.get('cache-control')).toBe('no-store');
    expect(served.headers.get('content-length')).not.toBeNull();
    expect(await served.text()).toBe(readFileSync(join(ASSETS_DIR, 'openapi.json'), 'utf8'));
  });
});

it('lists the tenants, shows the demo’s traffic live, and stops it', async () => {
  const session = await ask<{ tenants: string[]; canGenerateTraffic: boolean }>('/session');
  expect(session).toMatchObject({ tenants: ['demo'], canGenerateTraffic: true });
  const page = openPage(key);
  const order = (action: string) =>
    ask<{ running: boolean; runs: number }>('/demo-traffic', {
      method: 'POST',
      body: JSON.stringify({ action }),
    });
  expect(await order('start')).toMatchObject({ running: true });
  const isBusy = (m: StreamMessage) => m.type === 'now' && m.now.running.length > 0;
  await until(() => page.heard.some(isBusy), Boolean);
  const ended = await until(
    () => ask<RunsPage>('/tenants/demo/runs?state=ended', {}, key),
    ({ rows }) => rows.length > 0,
  );
  expect(await order('stop')).toMatchObject({ running: false });
  const story = await ask<RunStory>(`/tenants/demo/runs/${ended.rows[0]?.run}`, {}, key);
  expect(story.timing).toBe('measured');
  const kinds = new Set(story.lanes.flatMap(({ spans }) => spans.map(({ kind }) => kind)));
  expect(kinds).toContain('decode');
  const isOfRuns = (m: StreamMessage) => m.type === 'changed' && m.topic === 'runs';
  await until(() => page.heard.some(isOfRuns), Boolean);
  page.socket.close();
});

it('closes the page of a tenant’s object that is killed; the next one is served', async () => {
  const page = openPage(ADMIN_TOKEN);
  await until(
    () => page.heard.length,
    (n) => n >= 2,
  );
  await talaria.crash();
  await until(
    () => page.closed,
    (code) => code !== 0,
  );
  const again = openPage(ADMIN_TOKEN);
  await until(
    () => again.heard.length,
    (n) => n >= 2,
  );
  again.socket.close();
});

it('tells who may look at one tenant only of its present, when that is wanted', async () => {
  const now = await ask<{ backends: unknown[] }>('/tenants/demo/now', {}, key);
  for (const token of [key, ADMIN_TOKEN]) {
    const told = await ask<{ first?: { backends: unknown[] } }>('/session?first=now', {}, token);
    expect(told.first?.backends.length).toBe(now.backends.length);
  }
  expect(await ask('/session', {}, key)).not.toHaveProperty('first');
  const endpoints = [{ url: `${gpu.url}/v1`, slots: 1 }];
  await talaria.tenant('second', { backends: { llm: { models: ['demo-llm'], endpoints } } });
  const [ofKey, ofAll] = await Promise.all(
    [key, ADMIN_TOKEN].map((token) => ask<object>('/session?first=now', {}, token)),
  );
  expect(ofKey).toHaveProperty('first');
  expect(ofAll).not.toHaveProperty('first');
  const wrong = { headers: { authorization: 'Bearer wrong' } };
  expect((await get('/console/api/session?first=now', wrong)).status).toBe(401);
  const other = { headers: { authorization: `Bearer ${key}` } };
  expect((await get('/console/api/session?first=all', other)).status).toBe(400);
});

it('tells a page with a wrong token why its stream ends', async () => {
  const page = openPage('wrong');
  await until(
    () => page.closed,
    (code) => code !== 0,
  );
  expect(page.closed).toBe(4_401);
});

/**
 * Cold endpoints of emulated platforms behind bare workerd: they are woken and called, and engines
 * get the rank as their priority.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as behaviours from '../../scripts/gpu/platforms/behaviours.ts';
import { Platform } from '../../scripts/gpu/platforms/platform.ts';
import { type Dispatcher, startDispatcher, statusOf, until } from './harness.ts';

let dispatcher: Dispatcher;
const closing: Array<() => Promise<void>> = [];

beforeAll(async () => {
  dispatcher = await startDispatcher();
});

afterAll(async () => {
  for (const close of closing) await close();
  await dispatcher.close();
});

function call(key: string, fields: object = {}): Promise<Response> {
  return fetch(`${dispatcher.workerd.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hi' }], ...fields }),
  });
}

describe('a call to a cold endpoint', () => {
  it.each([
    ['vllm', behaviours.vllm, 'POST /wake_up'],
    ['baseten', behaviours.baseten, 'POST /production/wake'],
    ['hf', behaviours.huggingFace, 'GET /health'],
  ] as const)(
    'of %s wakes it as the platform requires and is served',
    async (kind, behaviour, wake) => {
      const platform = await new Platform(behaviour, 'cold', 1).start();
      closing.push(() => platform.close());
      const tenant = `cold-${kind}`;
      const statusUrl = kind === 'baseten' ? { statusUrl: `${platform.origin}/v1/models/m/d` } : {};
      const endpoint = { name: 'gpu', url: platform.url, kind, coldStart: {}, ...statusUrl };
      const key = await dispatcher.tenant(tenant, {
        backends: { b: { models: ['m'], endpoints: [endpoint] } },
      });
      const answer = await call(key);
      expect(answer.status).toBe(200);
      expect(await answer.json()).toHaveProperty('choices');
      expect(platform.starts).toBe(1);
      expect(platform.seen).toContain(wake);
      const { b } = await statusOf(dispatcher.workerd.url, tenant);
      expect(b?.endpoints[0]?.state).toBe('warm');
    },
  );
});

describe('a server in sleep mode', () => {
  it('is told to sleep after its idle timeout, with prewarming off and after one call', async () => {
    const platform = await new Platform(behaviours.vllm, 'up').start();
    closing.push(() => platform.close());
    const endpoint = {
      name: 'gpu',
      url: platform.url,
      kind: 'vllm',
      coldStart: { idleTimeoutMs: 500 },
    };
    const key = await dispatcher.tenant('sleeper', {
      prewarm: { mode: 'off' },
      backends: { b: { models: ['m'], endpoints: [endpoint] } },
    });
    await (await call(key)).text();
    const known = await until(
      async () => (await statusOf(dispatcher.workerd.url, 'sleeper')).b?.endpoints[0],
      (e) => e?.state === 'cold' && e.presumed === false,
    );
    expect(known).toMatchObject({ goes_cold: 'when-told', last_release_error: null });
    expect(platform.state).toBe('cold');
    expect(platform.seen).toContain('POST /sleep?level=1');
  });
});

describe('engine priority', () => {
  const bodies: Record<string, unknown>[] = [];
  let server: Server;
  let url = '';

  beforeAll(async () => {
    server = createServer((req, res) => {
      let text = '';
      req.on('data', (piece) => {
        text += piece;
      });
      req.on('end', () => {
        bodies.push(JSON.parse(text));
        res.writeHead(200, { 'content-type': 'application/json' });
        res.end('{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
    closing.push(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
  });

  const sent = async (tenant: string, endpoint: object, fields: object = {}) => {
    const key = await dispatcher.tenant(tenant, {
      backends: { b: { models: ['m'], endpoints: [{ url, ...endpoint }] } },
    });
    bodies.length = 0;
    const answer = await call(key, fields);
    expect(answer.status).toBe(200);
    await answer.text();
    return bodies[0] ?? {};
  };

  it('is sent to an engine that is configured for it, and to no other', async () => {
    expect(await sent('priority-off', {})).not.toHaveProperty('priority');
    expect((await sent('priority-vllm', { priority: 'vllm' })).priority).toBeGreaterThanOrEqual(0);
    const low = (await sent('priority-vllm-2', { priority: 'vllm' })).priority as number;
    const high = (await sent('priority-sglang', { priority: 'sglang' })).priority as number;
    expect(low + high).toBe(15);
  });

  it('does not replace the client’s own', async () => {
    expect((await sent('priority-own', { priority: 'vllm' }, { priority: -3 })).priority).toBe(-3);
  });
});

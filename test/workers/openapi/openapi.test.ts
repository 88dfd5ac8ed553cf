/**
 * The API's description and the app agree: each lists the routes of the other, and answers are as
 * described.
 */
import { env, exports } from 'cloudflare:workers';
import { inspectRoutes } from 'hono/dev';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { app } from '../../../src/app.ts';
import { openApiDocument } from '../../../src/openapi/document.ts';
import { OPERATIONS } from '../../../src/openapi/operations.ts';

const ALL_METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];
const ADMIN = { authorization: 'Bearer test-admin' };
let key: string;

/**
 * The routes of the app in the form of the description. Those of the console serve its own page,
 * whose contract is in src/protocol/console.
 */
function routes(): string[] {
  return inspectRoutes(app)
    .filter(({ isMiddleware, path }) => !isMiddleware && !path.startsWith('/console'))
    .flatMap(({ method, path }) => {
      const written = path
        .replace(/\/\*$/, '/{path}')
        .replace(/:(\w+)(\{[^}]*\})?/g, '{$1}')
        .replace(/(.)\/$/, '$1');
      const methods = method === 'ALL' ? ALL_METHODS : [method.toLowerCase()];
      return methods.map((m) => `${m} ${written}`);
    });
}

function call(path: string, init: RequestInit): Promise<Response> {
  return exports.default.fetch(new Request(`http://talaria.test${path}`, init));
}

beforeAll(async () => {
  const endpoints = [{ url: 'http://127.0.0.1:9/v1' }];
  const config = { backends: { m: { models: ['m'], endpoints } } };
  await call('/admin/tenants/described', {
    method: 'PUT',
    headers: ADMIN,
    body: JSON.stringify(config),
  });
  const made = await call('/admin/tenants/described/keys', { method: 'POST', headers: ADMIN });
  key = ((await made.json()) as { key: string }).key;
});

afterEach(() => vi.restoreAllMocks());

describe('the description', () => {
  it('has each route, and no other', () => {
    const described = OPERATIONS.map(({ method, path }) => `${method} ${path}`);
    expect([...new Set(described)]).toHaveLength(described.length);
    expect(described.sort()).toEqual(routes().sort());
  });

  it('is served', async () => {
    const served = await call('/openapi.json', {});
    expect(served.status).toBe(200);
    expect(served.headers.get('x-request-id')).toBeTruthy();
    expect(await served.json()).toEqual(JSON.parse(JSON.stringify(openApiDocument())));
    expect(env.TENANTS).toBeDefined();
  });

  // Operations that delete the tenant come last.
  const last = OPERATIONS.filter((o) => o.method === 'delete' && o.key === 'admin').reverse();
  const inOrder = [...OPERATIONS.filter((o) => !last.includes(o)), ...last];
  it.each(inOrder)(
    'of $method $path is of an existing route',
    async ({ method, path, request }) => {
      vi.spyOn(globalThis, 'fetch').mockImplementation(async () => Response.json({ ok: true }));
      const filled = path
        .replace('{tenant}', 'described')
        .replace(/\{(model|backend)\}/, 'm')
        .replace(/\{\w+\}/g, 'x');
      const isAdmin = path.startsWith('/admin');
      const answer = await call(filled, {
        method: method.toUpperCase(),
        headers: isAdmin ? ADMIN : { authorization: `Bearer ${key}` },
        ...(request ? { body: '{}' } : {}),
      });
      const text = new TextDecoder().decode(await answer.arrayBuffer());
      // Some items cannot exist here, but then the error says which.
      if (answer.status === 404) expect(JSON.parse(text).error.code).not.toBe('not_found');
      expect(answer.status).not.toBe(405);
      expect(answer.headers.get('x-request-id')).toBeTruthy();
      expect(answer.status).toBeLessThan(500);
    },
  );
});

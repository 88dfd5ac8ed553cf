/** The router that finds the handlers of a few paths once. */
import { Hono } from 'hono';
import { TrieRouter } from 'hono/router/trie-router';
import type { H, RouterRoute } from 'hono/types';
import { describe, expect, it, vi } from 'vitest';
import { KnownRoutes } from '../../../src/http/known-routes.ts';

describe('a router that knows a path', () => {
  it('answers as one that does not, and walks its tree once', async () => {
    const router = new TrieRouter<[H, RouterRoute]>();
    const match = vi.spyOn(router, 'match');
    const app = new Hono({ router: new KnownRoutes(router, new Set(['/known'])) });
    app.use('/*', async (c, next) => {
      await next();
      c.header('x-seen', '1');
    });
    app.post('/known', (c) => c.text(`known ${c.req.query('n')}`));
    app.get('/known', (c) => c.text('read'));
    app.post('/:name', (c) => c.text(c.req.param('name')));
    const ask = async (path: string, method = 'POST') => {
      const answer = await app.request(path, { method });
      return [answer.headers.get('x-seen'), await answer.text()];
    };
    for (const n of ['1', '2', '3']) {
      expect(await ask(`/known?n=${n}`)).toEqual(['1', `known ${n}`]);
    }
    expect(match).toHaveBeenCalledTimes(1);
    expect(await ask('/known', 'GET')).toEqual(['1', 'read']);
    for (const name of ['a', 'b']) expect(await ask(`/${name}`)).toEqual(['1', name]);
    expect(match).toHaveBeenCalledTimes(4);
  });
});

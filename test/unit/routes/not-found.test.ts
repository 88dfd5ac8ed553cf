/** What is said of a path that nothing answers. */
import { TrieRouter } from 'hono/router/trie-router';
import { Hono } from 'hono/tiny';
import { describe, expect, it } from 'vitest';
import { KnownRoutes } from '../../../src/http/known-routes.ts';
import { notFoundMessage } from '../../../src/routes/not-found.ts';

const app = new Hono({ router: new KnownRoutes(new TrieRouter(), new Set(['/v1/completions'])) });
const answer = () => new Response();
app.use('/v1/*', (_, next) => next());
app.use((_, next) => next());
app.get('/healthz', answer);
app.post('/v1/completions', answer);
app.get('/v1/models', answer);
app.get('/v1/models/:model{.+}', answer);
app.on(['GET', 'DELETE'], '/v1/files/:id', answer);
app.all('/v1/backends/:backend', answer);

const POST_ONLY = 'takes POST, and not GET.';
const BARE = 'the base URL ends with /v1.';

describe('a path that nothing answers', () => {
  it.each([
    ['GET', '/v1/completions', `"/v1/completions" ${POST_ONLY}`],
    ['GET', '/v1//completions/', `"/v1//completions/" ${POST_ONLY}`],
    [
      'GET',
      '/openai/deployments/m/completions',
      `"/openai/deployments/m/completions" ${POST_ONLY}`,
    ],
    ['POST', '/v1/models', '"/v1/models" takes GET, and not POST.'],
    ['DELETE', '/v1/models/a/b', '"/v1/models/a/b" takes GET, and not DELETE.'],
    ['PATCH', '/v1/files/x', '"/v1/files/x" takes GET or DELETE, and not PATCH.'],
    ['POST', '/healthz', '"/healthz" takes GET, and not POST.'],
    ['POST', '/completions', `Nothing is at "/completions": ${BARE}`],
    ['GET', '/models', `Nothing is at "/models": ${BARE}`],
    ['GET', '/models/a/b', `Nothing is at "/models/a/b": ${BARE}`],
    ['GET', '/v1/assistants', 'Assistants are not served'],
    ['GET', '/openai/assistants', 'Assistants are not served'],
    ['GET', '/v1', undefined],
    ['GET', '/', undefined],
    ['POST', '/v1/x', undefined],
    ['POST', '/v1/v1x/completions', undefined],
    ['GET', '/x/models', undefined],
  ])('%s %s: %s', (method, path, message) => {
    const told = notFoundMessage(app.router, method, path);
    if (message === undefined) expect(told).toBeUndefined();
    else expect(told).toContain(message);
  });
});

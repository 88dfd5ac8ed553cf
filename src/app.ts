/**
 * The HTTP application: which router answers which path, and the answers where none does or one
 * fails. The routes themselves are in routes/.
 */
import { TrieRouter } from 'hono/router/trie-router';
import { getPath } from 'hono/utils/url';
import { MODEL_PATHS } from './apis/model-apis.ts';
import type { AppEnv } from './auth/app-env.ts';
import { errorResponse } from './http/errors.ts';
import { HeldHeaders } from './http/held-headers.ts';
import { Hono } from './http/hono.ts';
import { KnownRoutes } from './http/known-routes.ts';
import { refusedMethod } from './http/methods.ts';
import { addSecurityHeaders } from './http/security-headers.ts';
import { servedPath } from './http/written-path.ts';
import { Unreachable } from './objects/ask-object.ts';
import { isDatabaseTooNew, TOO_NEW } from './protocol/database-too-new.ts';
import { logError } from './protocol/log-line.ts';
import { admin } from './routes/admin.ts';
import { anthropicForm } from './routes/anthropic-form.ts';
import { archive } from './routes/archive.ts';
import { backends } from './routes/backends.ts';
import { batches } from './routes/batches.ts';
import { calls } from './routes/calls.ts';
import { consoleApi } from './routes/console/api.ts';
import { consolePage } from './routes/console/page.ts';
import { openStream } from './routes/console/stream.ts';
import { cors } from './routes/cors.ts';
import { files } from './routes/files.ts';
import { jobs } from './routes/jobs.ts';
import { media } from './routes/media.ts';
import { messages } from './routes/messages.ts';
import { metrics } from './routes/metrics.ts';
import { notFoundMessage } from './routes/not-found.ts';
import { openai } from './routes/openai.ts';
import { openapi } from './routes/openapi.ts';
import { responses } from './routes/responses.ts';
import { runs } from './routes/runs.ts';
import { status } from './routes/status.ts';
import { steering } from './routes/steering.ts';
import { clientsOnly, tenantAuth } from './routes/tenant-auth.ts';
import { refuseWebSockets } from './routes/web-sockets.ts';

// The usual preset has a faster router, too, which gives up at paths such as those of tools.
export const app = new Hono<AppEnv>({
  getPath: (request) => servedPath(getPath(request)),
  router: new KnownRoutes(new TrieRouter(), MODEL_PATHS),
});

const NO_HOST = {
  code: 'invalid_request_error',
  param: 'host',
  message: 'The header Host and the path give no valid URL.',
} as const;

app.use(async (c, next) => {
  const headers = new HeldHeaders(c.req.raw.headers);
  c.set('headers', headers);
  const id = requestId(headers.get('x-request-id'));
  c.set('requestId', id);
  // A Host header that gives no valid URL would make every later access to the path throw.
  if (URL.canParse(c.req.url)) await next();
  else c.res = errorResponse(NO_HOST);
  if (!c.res.headers.has('x-request-id')) c.res.headers.set('x-request-id', id);
  addSecurityHeaders(c.res.headers);
});

app.use('/v1/*', cors);
app.use('/v1/*', anthropicForm);
app.use('/v1/*', refuseWebSockets);
app.use((c, next) => {
  const refused = refusedMethod(c.req.method, { 'x-request-id': c.get('requestId') });
  return refused ? Promise.resolve(refused) : next();
});
app.route('/', status);
app.route('/', openapi);
app.get('/console/api/tenants/:tenant/stream', openStream);
app.route('/console/api', consoleApi);
app.all('/console/api/*', () => errorResponse({ code: 'not_found' }));
app.route('/', consolePage);
app.route('/', metrics);
app.use('/v1/*', tenantAuth);
for (const path of ['jobs', 'files', 'batches']) app.use(`/v1/${path}/*`, clientsOnly);
app.route('/v1/jobs', jobs);
app.route('/v1/files', files);
app.route('/v1/batches', batches);
app.route('/v1/backends', backends);
app.route('/v1/runs', runs);
app.route('/v1/calls', calls);
app.route('/v1/responses', responses);
app.route('/v1/messages', messages);
app.route('/v1', media);
app.route('/v1', openai);
app.route('/admin', admin);
app.route('/admin', archive);
app.route('/admin', steering);

app.notFound((c) => {
  const message = notFoundMessage(app.router, c.req.method, getPath(c.req.raw));
  const error = { code: 'not_found', ...(message === undefined ? {} : { message }) } as const;
  return errorResponse(error);
});

app.onError((error, c) => {
  const id = c.get('requestId');
  if (error instanceof Unreachable) {
    logError('unreachable', { request: id, cause: error.message });
    const unavailable = { code: 'dispatcher_unavailable', retryAfterMs: 1_000 } as const;
    return errorResponse(unavailable);
  }
  const cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
  logError('internal_error', { request: id, cause });
  if (isDatabaseTooNew(error)) {
    return errorResponse({ code: 'dispatcher_unavailable', message: TOO_NEW });
  }
  return errorResponse({ code: 'internal_error' });
});

/** The client's own request id where it is valid in a header, else a new one. */
function requestId(header: string | null): string {
  return header !== null && /^[\w.:-]{8,128}$/.test(header) ? header : crypto.randomUUID();
}

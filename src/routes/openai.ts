/** The OpenAI API: model calls by `model`, and the list of models. */
import { type Context, Hono } from 'hono';
import type { TenantConfig } from '../config/schema.ts';
import { type CallPlan, dispatchCall } from '../dispatch-call.ts';
import { errorResponse } from '../errors.ts';
import { onceOnly } from '../idempotency.ts';
import { identify } from '../identity.ts';
import { parseModelRequest, type Shape, withUsage } from '../openai-body.ts';
import { readText } from '../read-body.ts';
import type { AppEnv } from './app-env.ts';

export const openai = new Hono<AppEnv>()
  .post('/chat/completions', (c) => modelCall(c, 'chat', '/chat/completions'))
  .post('/completions', (c) => modelCall(c, 'completion', '/completions'))
  .post('/embeddings', (c) => modelCall(c, 'embedding', '/embeddings'))
  .get('/models', (c) => {
    const { config } = c.get('tenant');
    return c.json({ object: 'list', data: modelsOf(config) });
  })
  .get('/models/:model{.+}', (c) => {
    const id = c.req.param('model');
    const model = modelsOf(c.get('tenant').config).find((m) => m.id === id);
    if (model) return c.json(model);
    const headers = { 'x-request-id': c.get('requestId') };
    return errorResponse({ code: 'model_not_found', param: 'model' }, headers);
  });

async function modelCall(c: Context<AppEnv>, shape: Shape, path: string): Promise<Response> {
  const { config } = c.get('tenant');
  const headers = { 'x-request-id': c.get('requestId') };
  const body = await readText(c.req.raw, config.limits.bodyBytes);
  if (!body.ok) return errorResponse(body.error, headers);
  const parsed = parseModelRequest(body.text, shape);
  if (!parsed.ok) return errorResponse(parsed.error, headers);
  const { request } = parsed;
  const backend = backendOf(config, request.model);
  if (backend === undefined) {
    const message = `The model "${request.model}" does not exist.`;
    return errorResponse({ code: 'model_not_found', param: 'model', message }, headers);
  }
  const who = await identify(c.req.raw.headers, request.hints, c.get('keyId'));
  if (!who.ok) return errorResponse(who.error, headers);
  const streams = request.stream && shape !== 'embedding';
  const plan: CallPlan = {
    backend,
    kind: 'llm',
    inputTokens: request.inputTokens,
    ...(request.maxOutputTokens === undefined ? {} : { maxOutputTokens: request.maxOutputTokens }),
    identity: who.identity,
    content: request.text,
    method: 'POST',
    path,
    body: ({ includeUsage }) => {
      const asks = streams && !request.wantsUsage && includeUsage;
      const asking = asks ? withUsage(request) : undefined;
      return { body: asking ?? request.text, stripUsage: asking !== undefined };
    },
    reading: 'openai',
  };
  const call = { content: request.text, streams };
  return onceOnly(c, call, () => dispatchCall(c, plan));
}

function backendOf(config: TenantConfig, model: string): string | undefined {
  return Object.entries(config.backends).find(([, b]) => b.models.includes(model))?.[0];
}

function modelsOf(config: TenantConfig) {
  return Object.entries(config.backends).flatMap(([name, b]) =>
    b.models.map((id) => ({ id, object: 'model' as const, created: 0, owned_by: name })),
  );
}

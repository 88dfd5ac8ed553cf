/**
 * The OpenAI API and related routes: calls by `model`, and the list of models. Responses,
 * Anthropic's messages, and sound and pictures are in `responses.ts`, `messages.ts` and `media.ts`.
 */
import type { Context } from 'hono';
import { MODEL_APIS } from '../apis/model-apis.ts';
import type { AppEnv } from '../auth/app-env.ts';
import { refuseRevokedKey } from '../auth/live-key.ts';
import { modelCall, refuse } from '../calls/model-call.ts';
import { listedModels, servedModel } from '../config/model-names.ts';
import { Hono } from '../http/hono.ts';

export const openai = new Hono<AppEnv>()
  .post('/chat/completions', (c) => modelCall(c, MODEL_APIS.chat))
  .post('/completions', (c) => modelCall(c, MODEL_APIS.completion))
  .post('/embeddings', (c) => modelCall(c, MODEL_APIS.embedding))
  .post('/rerank', (c) => modelCall(c, MODEL_APIS.rerank))
  .post('/score', (c) => modelCall(c, MODEL_APIS.score))
  .post('/moderations', (c) => modelCall(c, MODEL_APIS.moderation))
  .get('/models', refuseRevokedKey, (c) => {
    const data = modelsOf(c);
    if (!c.req.header('anthropic-version')) return c.json({ object: 'list', data });
    const [first_id = null, last_id = null] = [data[0]?.id, data.at(-1)?.id];
    return c.json({ object: 'list', data, has_more: false, first_id, last_id });
  })
  .get('/models/:model{.+}', refuseRevokedKey, (c) => {
    const id = c.req.param('model');
    // A name that a pattern stands for is served, though no list has it.
    const served = servedModel(c.get('tenant').config, id);
    if (served) return c.json(modelView(c, id, served.backend));
    return refuse(c, { code: 'model_not_found', param: 'model' });
  });

/** The models in OpenAI's form; for clients of Anthropic's API with its fields as well. */
function modelsOf(c: Context<AppEnv>) {
  const models = listedModels(c.get('tenant').config);
  return models.map(({ id, backend }) => modelView(c, id, backend));
}

function modelView(c: Context<AppEnv>, id: string, backend: string) {
  const anthropic = c.req.header('anthropic-version') !== undefined;
  return {
    id,
    object: 'model' as const,
    created: 0,
    owned_by: backend,
    ...(anthropic ? { type: 'model', display_name: id, created_at: '1970-01-01T00:00:00Z' } : {}),
  };
}

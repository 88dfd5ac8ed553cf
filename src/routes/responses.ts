/**
 * OpenAI's Responses API, for endpoints that support it. Responses are relayed and not kept:
 * Talaria does not know which endpoint has one, if any has, so requests for a kept response get
 * `response_not_found`.
 */
import type { Context } from 'hono';
import { MODEL_APIS } from '../apis/model-apis.ts';
import type { AppEnv } from '../auth/app-env.ts';
import { countCall, modelCall, refuse } from '../calls/model-call.ts';
import { Hono } from '../http/hono.ts';

export const responses = new Hono<AppEnv>()
  .post('/', (c) => modelCall(c, MODEL_APIS.responses))
  .post('/compact', (c) => modelCall(c, MODEL_APIS.compaction))
  .post('/input_tokens', (c) => countCall(c, MODEL_APIS.inputTokens))
  .get('/:id', notKept)
  .delete('/:id', notKept)
  .post('/:id/cancel', notKept)
  .get('/:id/input_items', notKept);

function notKept(c: Context<AppEnv>): Response {
  return refuse(c, { code: 'response_not_found' });
}

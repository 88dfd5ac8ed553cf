/**
 * OpenAI's Responses API, for endpoints that speak it. Responses are relayed, not kept: which of its
 * endpoints has one, if any has, Talaria does not know, and says so.
 */
import { type Context, Hono } from 'hono';
import { MODEL_APIS } from '../apis/model-apis.ts';
import type { AppEnv } from '../auth/app-env.ts';
import { modelCall, refuse } from '../calls/model-call.ts';

export const responses = new Hono<AppEnv>()
  .post('/', (c) => modelCall(c, MODEL_APIS.responses))
  .get('/:id', notKept)
  .delete('/:id', notKept)
  .post('/:id/cancel', notKept)
  .get('/:id/input_items', notKept);

function notKept(c: Context<AppEnv>): Response {
  return refuse(c, { code: 'response_not_found' });
}

/**
 * Anthropic's messages API, for endpoints that support it. The form of its errors is in
 * `anthropic-form.ts`.
 */
import { Hono } from 'hono';
import { MODEL_APIS } from '../apis/model-apis.ts';
import type { AppEnv } from '../auth/app-env.ts';
import { modelCall, readModelRequest, refuse } from '../calls/model-call.ts';
import { sideCall } from '../calls/side-call.ts';

export const messages = new Hono<AppEnv>()
  .post('/', (c) => modelCall(c, MODEL_APIS.messages))
  .post('/count_tokens', async (c) => {
    const api = MODEL_APIS.countTokens;
    const read = await readModelRequest(c, api);
    if (!read.ok) return refuse(c, read.error);
    const { backend, request } = read;
    const path = api.path + new URL(c.req.url).search;
    return sideCall(c, { backend, path, body: request.text });
  });

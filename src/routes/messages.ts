/** Anthropic's messages API, for endpoints that speak it. */
import { Hono } from 'hono';
import { MODEL_APIS } from '../apis/model-apis.ts';
import type { AppEnv } from '../auth/app-env.ts';
import { refuseRevokedKey } from '../auth/live-key.ts';
import { modelCall, readModelRequest, refuse } from '../calls/model-call.ts';
import { sideCall } from '../calls/side-call.ts';

export const messages = new Hono<AppEnv>()
  .post('/', (c) => modelCall(c, MODEL_APIS.messages))
  .post('/count_tokens', refuseRevokedKey, async (c) => {
    const api = MODEL_APIS.countTokens;
    const found = await readModelRequest(c, api);
    if (!found.ok) return refuse(c, found.error);
    const { backend, request } = found;
    const path = api.path + new URL(c.req.url).search;
    return sideCall(c, { backend, path, body: request.text });
  });

/**
 * Anthropic's messages API, for endpoints that support it. The form of its errors is in
 * `anthropic-form.ts`.
 */
import { Hono } from 'hono';
import { MODEL_APIS } from '../apis/model-apis.ts';
import type { AppEnv } from '../auth/app-env.ts';
import { modelCall, withModelRequest } from '../calls/model-call.ts';
import { sideCall } from '../calls/side-call.ts';

export const messages = new Hono<AppEnv>()
  .post('/', (c) => modelCall(c, MODEL_APIS.messages))
  .post('/count_tokens', (c) => {
    const api = MODEL_APIS.countTokens;
    const path = api.path + new URL(c.req.url).search;
    return withModelRequest(c, api, ({ backend, request }) =>
      sideCall(c, { backend, path, body: request.bytes }),
    );
  });

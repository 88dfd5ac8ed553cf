/**
 * Anthropic's messages API, for endpoints that support it. The form of its errors is in
 * `anthropic-form.ts`.
 */
import { MODEL_APIS } from '../apis/model-apis.ts';
import type { AppEnv } from '../auth/app-env.ts';
import { countCall, modelCall } from '../calls/model-call.ts';
import { Hono } from '../http/hono.ts';

export const messages = new Hono<AppEnv>()
  .post('/', (c) => modelCall(c, MODEL_APIS.messages))
  .post('/count_tokens', (c) => countCall(c, MODEL_APIS.countTokens));

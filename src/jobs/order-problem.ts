/**
 * What an order's call would be refused for whenever it is made, by its body and by the models that
 * the tenant has when it is ordered. Limits of keys and all else that may change are seen when the
 * call is made.
 */
import { MODEL_APIS, type ModelApi } from '../apis/model-apis.ts';
import { parseModelRequest } from '../apis/model-request.ts';
import { modelOf } from '../calls/model-call.ts';
import type { TenantConfig } from '../config/schema.ts';
import type { ApiError } from '../http/errors.ts';
import { problemWithin } from '../http/problem.ts';
import type { JobOrder } from './job-order.ts';

const APIS: ReadonlyMap<string, ModelApi> = new Map(
  Object.values(MODEL_APIS).map((api) => [`/v1${api.path}`, api]),
);

/** The error, whose field is within the order's body; undefined where the call may be served. */
export function orderProblem(
  { method, path, headers, body }: Pick<JobOrder, 'method' | 'path' | 'headers' | 'body'>,
  config: TenantConfig,
): ApiError | undefined {
  const api = method === 'POST' ? APIS.get(path.split('?')[0] ?? '') : undefined;
  // Forms have their model in a part.
  if (!api || /^\s*multipart\//i.test(headers['content-type'] ?? '')) return undefined;
  const read = parseModelRequest(Uint8Array.from(body), api, config.limits.body);
  if (!read.ok) {
    const { param, message } = read.error;
    if (param === undefined || message === undefined) return { ...read.error, param: 'body' };
    return { ...read.error, ...problemWithin('body.', { param, message }) };
  }
  const found = modelOf(config, read.request.model);
  return found.ok ? undefined : { ...found.error, param: 'body.model' };
}

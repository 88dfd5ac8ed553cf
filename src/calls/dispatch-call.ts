/**
 * Dispatches a request: makes its call at one backend and, where that backend cannot serve it, at
 * its fallback. Model calls and tool calls share it; what differs is in the plan. The attempts at
 * one backend are in `backend-call.ts`.
 */
import type { Context } from 'hono';
import type { AppEnv } from '../auth/app-env.ts';
import { ownCaller } from '../auth/own-caller.ts';
import { given } from '../http/given.ts';
import { BackendCall } from './backend-call.ts';
import type { CallPlan } from './call-plan.ts';
import type { EarlyAnswer } from './early-answer.ts';

/** Most backends tried for one request, including the first. */
const MOST_BACKENDS = 4;

/**
 * Makes the call; where its backend cannot serve it, the fallback of that backend does. `early`: the
 * answer that may begin before the call has a result.
 */
export async function dispatchCall(
  c: Context<AppEnv>,
  plan: CallPlan,
  early?: EarlyAnswer,
): Promise<Response> {
  const client = early?.signal ?? c.req.raw.signal;
  const { backends } = c.get('tenant').config;
  const isCharged = ownCaller(c.req.raw)?.isCharged ?? false;
  const prior = { arrivedAt: Date.now(), isCharged, attempts: 0 };
  for (let tried = 1, now = plan; ; tried += 1) {
    const call = new BackendCall(c, now, prior, early);
    const { response, failed, isCharged = false } = await call.run();
    prior.isCharged ||= isCharged;
    prior.attempts += call.attempts;
    const fallback = Object.hasOwn(backends, now.backend)
      ? backends[now.backend]?.fallback
      : undefined;
    if (!failed || fallback === undefined || tried >= MOST_BACKENDS) return response;
    if (!FALLS_BACK.has(failed.code) || plan.upload || client.aborted) return response;
    const { maxWaitMs = Infinity } = plan.identity;
    if (Date.now() - prior.arrivedAt >= maxWaitMs) return response;
    await response.body?.cancel();
    const model = plan.modelAt?.(fallback);
    now = { ...now, backend: fallback, ...given({ model }) };
  }
}

/** Error codes that are failures of the backend and not of the call. */
const FALLS_BACK: ReadonlySet<string> = new Set([
  'backend_down',
  'backend_warming',
  'queue_full',
  'queue_timeout',
  'upstream_busy',
  'upstream_error',
  'upstream_timeout',
]);

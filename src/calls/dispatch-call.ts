/**
 * Dispatches a request: makes its call at one backend and, where that backend cannot serve it, at
 * its fallback. Model calls and tool calls share it; what differs is in the plan. The attempts at
 * one backend are in `backend-call.ts`.
 */
import type { Context } from 'hono';
import type { AppEnv } from '../auth/app-env.ts';
import { ownCaller } from '../auth/own-caller.ts';
import { BackendCall } from './backend-call.ts';
import type { CallPlan } from './call-plan.ts';
import { type QueuedStream, queueComments } from './queued-stream.ts';

/** Most backends tried for one request, including the first. */
const MOST_BACKENDS = 4;

/** Makes the call; where its backend cannot serve it, the fallback of that backend does. */
export async function dispatchCall(c: Context<AppEnv>, plan: CallPlan): Promise<Response> {
  const queuedStream = queueComments(c, plan);
  const response = tryBackends(c, plan, queuedStream);
  // A stream that waits is begun before the body is needed.
  plan.hand.until(response);
  return queuedStream ? queuedStream.responseOrStream(response) : response;
}

async function tryBackends(
  c: Context<AppEnv>,
  plan: CallPlan,
  queuedStream: QueuedStream | undefined,
): Promise<Response> {
  const { backends } = c.get('tenant').config;
  const isCharged = ownCaller(c.req.raw)?.isCharged ?? false;
  const prior = { arrivedAt: Date.now(), isCharged, attempts: 0 };
  for (let tried = 1, now = plan; ; tried += 1) {
    const call = new BackendCall(c, now, prior, queuedStream);
    const { response, failed, isCharged = false } = await call.run();
    prior.isCharged ||= isCharged;
    prior.attempts += call.attempts;
    const fallback = Object.hasOwn(backends, now.backend)
      ? backends[now.backend]?.fallback
      : undefined;
    if (!failed || fallback === undefined || tried >= MOST_BACKENDS) return response;
    if (!FALLS_BACK.has(failed.code) || plan.upload || c.req.raw.signal.aborted) return response;
    const { maxWaitMs = Infinity } = plan.identity;
    if (Date.now() - prior.arrivedAt >= maxWaitMs) return response;
    await response.body?.cancel();
    now = { ...now, backend: fallback };
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

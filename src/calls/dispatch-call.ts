/**
 * The life of a request at the edge: its call is made at one backend, and where that cannot serve it, at
 * the one that it falls back on. Shared by model calls and by tools; what differs is in the plan.
 */
import type { Context } from 'hono';
import type { AppEnv } from '../auth/app-env.ts';
import { BackendCall } from './backend-call.ts';
import type { CallPlan } from './call-plan.ts';
import { type QueuedStream, queueComments } from './queued-stream.ts';

/** Backends tried for one call, the first included. */
const MOST_BACKENDS = 4;

/** Makes the call; where its backend cannot serve it, the one that it falls back on does. */
export async function dispatchCall(c: Context<AppEnv>, plan: CallPlan): Promise<Response> {
  const waiting = queueComments(c, plan);
  const made = tryBackends(c, plan, waiting);
  return waiting ? waiting.responseOrStream(made) : made;
}

async function tryBackends(
  c: Context<AppEnv>,
  plan: CallPlan,
  waiting: QueuedStream | undefined,
): Promise<Response> {
  const { backends } = c.get('tenant').config;
  const before = { arrivedAt: Date.now(), isCharged: false, attempts: 0 };
  for (let tried = 1, now = plan; ; tried += 1) {
    const call = new BackendCall(c, now, before, waiting);
    const { response, failed, isCharged = false } = await call.run();
    before.isCharged ||= isCharged;
    before.attempts += call.attempts;
    const fallback = Object.hasOwn(backends, now.backend)
      ? backends[now.backend]?.fallback
      : undefined;
    if (!failed || fallback === undefined || tried >= MOST_BACKENDS) return response;
    if (!FALLS_BACK.has(failed.code) || plan.upload || c.req.raw.signal.aborted) return response;
    const { maxWaitMs = Infinity } = plan.identity;
    if (Date.now() - before.arrivedAt >= maxWaitMs) return response;
    await response.body?.cancel();
    now = { ...now, backend: fallback };
  }
}

/** Failures of a backend, and not of the call. */
const FALLS_BACK: ReadonlySet<string> = new Set([
  'backend_down',
  'backend_warming',
  'queue_full',
  'queue_timeout',
  'upstream_busy',
  'upstream_error',
  'upstream_timeout',
]);

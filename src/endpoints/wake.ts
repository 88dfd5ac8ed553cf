/**
 * Wakes an endpoint of a tenant, and sends it to sleep: from the object (alarm, demand) or from the
 * cron alike. Whatever a platform says, an endpoint is warm when it has served one real call.
 */
import {
  type EndpointAdapter,
  type EndpointTarget,
  firstCall,
  onHost,
  type PlatformRequest,
} from './adapter.ts';

export interface WakeResult {
  readonly ok: boolean;
  readonly tookMs: number;
}

const RELEASE_PATIENCE_MS = 30_000;
/** Between two looks at an endpoint that is not up yet, ms. */
const LOOK_EVERY_MS = 1_000;
/** Of an answer, as much as can tell anything. */
const MAX_ANSWER_CHARS = 4_000;

/** Resolves when the endpoint has served, or when it is clear that it will not. */
export async function wakeEndpoint(
  adapter: EndpointAdapter,
  target: EndpointTarget,
  patienceMs: number,
): Promise<WakeResult> {
  const startedAt = Date.now();
  const signal = AbortSignal.timeout(patienceMs);
  const ok = await attempted(() => wakeAndServe(adapter, target, signal));
  return { ok, tookMs: Date.now() - startedAt };
}

/** Has an endpoint go cold; false where it cannot be told to, or did not hear. */
export async function releaseEndpoint(
  adapter: EndpointAdapter,
  target: EndpointTarget,
): Promise<boolean> {
  const request: PlatformRequest | undefined =
    target.releasePath === undefined
      ? adapter.sleep?.(target)
      : { method: 'POST', url: onHost(target, target.releasePath) };
  if (!request) return false;
  const signal = AbortSignal.timeout(RELEASE_PATIENCE_MS);
  return attempted(async () => (await send(request, target, signal)).status < 300);
}

async function wakeAndServe(
  adapter: EndpointAdapter,
  target: EndpointTarget,
  signal: AbortSignal,
): Promise<boolean> {
  const isTool = target.model === undefined;
  const sleeps = adapter.probe ? await readiness(adapter, target, signal) : 'cold';
  // One wake is enough: platforms take it as done, however often they are asked.
  if (sleeps !== 'ready' && adapter.wake) await send(adapter.wake(target), target, signal);
  while (!signal.aborted) {
    const { status, body } = await send(firstCall(target), target, signal);
    const kind = status < 300 ? 'ok' : adapter.classify(status, body, isTool);
    if (kind === 'ok' || kind === 'rejected') return true;
    if (kind === 'broken') return false;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  return false;
}

async function readiness(adapter: EndpointAdapter, target: EndpointTarget, signal: AbortSignal) {
  if (!adapter.probe || !adapter.readProbe) return 'cold';
  const { status, body } = await send(adapter.probe(target), target, signal);
  return adapter.readProbe(status, body);
}

async function send(request: PlatformRequest, target: EndpointTarget, signal: AbortSignal) {
  const { url, method, headers, body } = request;
  const response = await fetch(url, {
    method,
    headers: { ...target.auth, ...headers },
    ...(body === undefined ? {} : { body }),
    signal,
    redirect: 'manual',
  });
  return { status: response.status, body: (await response.text()).slice(0, MAX_ANSWER_CHARS) };
}

/** Refused, reset or out of patience: all the same to whoever waits for it. */
async function attempted(act: () => Promise<boolean>): Promise<boolean> {
  try {
    return await act();
  } catch {
    return false;
  }
}

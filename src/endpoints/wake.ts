/**
 * Wakes and releases endpoints, for the tenant's object (alarm, demand) and for the cron alike.
 * Whatever a platform reports, an endpoint counts as warm only once it has served a real call. When
 * to wake is decided in `core/prewarm`.
 */
import { readBeginning } from '../http/read-answer.ts';
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
/** Pause between two calls to an endpoint that is not warm yet, ms. */
const LOOK_EVERY_MS = 1_000;
/** Most bytes of an answer that are read; the rest is cancelled. */
const MAX_ANSWER_BYTES = 16_384;

/** Resolves once the endpoint has served a call, is found broken, or `patienceMs` have passed. */
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

/** Releases an endpoint; false where there is no way to, or the request failed. */
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
  const state = adapter.probe ? await readiness(adapter, target, signal) : 'cold';
  // One wake request is enough: repeating it has no further effect on any platform.
  if (state !== 'ready' && adapter.wake) await send(adapter.wake(target), target, signal);
  while (!signal.aborted) {
    const { status, body } = await send(firstCall(target), target, signal);
    const kind = status < 300 ? 'ok' : adapter.classify(status, body, isTool);
    if (kind === 'ok' || kind === 'rejected') return true;
    if (kind === 'broken' || kind === 'forbidden') return false;
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
  const { text } = await readBeginning(response, MAX_ANSWER_BYTES);
  return { status: response.status, body: text };
}

/** Refused, reset or timed out: every failure is the same to the caller. */
async function attempted(act: () => Promise<boolean>): Promise<boolean> {
  try {
    return await act();
  } catch {
    return false;
  }
}

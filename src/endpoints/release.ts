/**
 * Tells an endpoint to go cold, and finds out whether it did: an endpoint that was told to and stays
 * up keeps its GPU. When to release is decided in `core/prewarm`.
 */
import { type EndpointAdapter, type EndpointTarget, onHost } from './adapter.ts';
import { type PlatformIo, platformIo, type Sent } from './platform-io.ts';

export interface ReleaseResult {
  /** The endpoint is cold. */
  readonly ok: boolean;
  /** Why it is not, for the operator. */
  readonly reason?: string;
}

const RELEASE_PATIENCE_MS = 30_000;
const PROBE_LIMIT_MS = 10_000;

/** Releases an endpoint. One that reports that it is cold is left alone. */
export async function releaseEndpoint(
  adapter: EndpointAdapter,
  target: EndpointTarget,
  io: PlatformIo = platformIo,
): Promise<ReleaseResult> {
  const { releasePath } = target;
  if (releasePath !== undefined) {
    const request = { method: 'POST' as const, url: onHost(target, releasePath) };
    return resultOf(releasePath, await io.send(request, target, RELEASE_PATIENCE_MS));
  }
  const request = adapter.sleep?.(target);
  if (!request) return { ok: false, reason: 'its platform has no request for it' };
  const isCold = async () => (await readiness(adapter, target, io)) === 'cold';
  if (await isCold()) return { ok: true };
  const { pathname } = new URL(request.url);
  const told = resultOf(pathname, await io.send(request, target, RELEASE_PATIENCE_MS));
  if (!adapter.probe) return told;
  // Its own report counts: the answer may have been lost, or given too early.
  if (await isCold()) return { ok: true };
  return told.ok ? { ok: false, reason: `it is awake after POST ${pathname}` } : told;
}

function resultOf(path: string, sent: Sent): ReleaseResult {
  if (sent.kind !== 'answered') {
    const why = sent.kind === 'silent' ? 'no answer in time' : 'it could not be reached';
    return { ok: false, reason: `POST ${path}: ${why}` };
  }
  const { status } = sent.answer;
  if (status >= 200 && status < 300) return { ok: true };
  return { ok: false, reason: `POST ${path}: status ${status}` };
}

async function readiness(adapter: EndpointAdapter, target: EndpointTarget, io: PlatformIo) {
  if (!adapter.probe || !adapter.readProbe) return undefined;
  const sent = await io.send(adapter.probe(target), target, PROBE_LIMIT_MS);
  if (sent.kind !== 'answered') return undefined;
  return adapter.readProbe(sent.answer.status, sent.answer.body);
}

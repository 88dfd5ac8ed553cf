/**
 * Adapter for Hugging Face Inference Endpoints: they answer 503 while scaled to zero, and any
 * request starts a replica; with `X-Scale-Up-Timeout: S` the proxy holds the request for S seconds
 * instead. Talaria holds calls itself, so only the request to `/health`, which wakes and returns
 * at once, has the header.
 */
import { type EndpointAdapter, onHost, type Readiness } from './adapter.ts';
import { classifyGeneric } from './openai-generic.ts';

export const huggingFace: EndpointAdapter = {
  kind: 'hf',
  wake: (target) => ({
    method: 'GET',
    url: onHost(target, '/health'),
    headers: { 'x-scale-up-timeout': '1' },
  }),
  readProbe(status): Readiness {
    if (status < 300) return 'ready';
    return status === 503 || status === 502 ? 'waking' : 'broken';
  },
  readLook: ({ status, body }) => (isPaused(status, body) ? 'stopped' : undefined),
  // The proxy answers 502 while a replica starts.
  classify(status, body, isTool) {
    if (isPaused(status, body)) return 'unready';
    return status === 502 ? 'cold' : classifyGeneric(status, body, isTool);
  },
};

/** A paused endpoint, which a person has to resume; older answers are "Bad Request: Invalid state". */
function isPaused(status: number, body: string): boolean {
  return status === 400 && /endpoint is paused|invalid state/i.test(body);
}

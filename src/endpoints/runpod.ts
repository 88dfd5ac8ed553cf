/**
 * Adapters for RunPod serverless. A queue endpoint (`…/v2/ID/openai/v1`) reports its workers and
 * jobs at `/v2/ID/health`; any job wakes it. A load-balancing endpoint answers `/ping` itself: 200
 * when ready, 204 while a worker initialises; while there is no worker, the platform holds or
 * refuses the request.
 */
import { type EndpointAdapter, onHost, type Readiness } from './adapter.ts';
import { classifyGeneric } from './openai-generic.ts';

export const runpod: EndpointAdapter = {
  kind: 'runpod',
  probe(target) {
    const id = /\/v2\/([^/]+)/.exec(new URL(target.url).pathname)?.[1] ?? '';
    return { method: 'GET', url: onHost(target, `/v2/${id}/health`) };
  },
  readProbe(status, body): Readiness {
    if (status >= 300) return 'broken';
    const { idle, ready, running, initializing } = countsIn(body);
    if (idle + ready + running > 0) return 'ready';
    return initializing > 0 ? 'waking' : 'cold';
  },
  classify: classifyGeneric,
};

export const runpodLoadBalancer: EndpointAdapter = {
  kind: 'runpod-lb',
  probe: (target) => ({ method: 'GET', url: onHost(target, '/ping') }),
  readProbe(status): Readiness {
    if (status === 204) return 'waking';
    if (status < 300) return 'ready';
    return status >= 500 || status === 400 ? 'cold' : 'broken';
  },
  // Any request starts a worker.
  wake: (target) => ({ method: 'GET', url: onHost(target, '/ping') }),
  classify(status, body, isTool) {
    if (/no workers available/i.test(body)) return 'cold';
    return status === 502 || status === 504 ? 'cold' : classifyGeneric(status, body, isTool);
  },
};

type WorkerCount = 'idle' | 'ready' | 'running' | 'initializing';

function countsIn(body: string): Record<WorkerCount, number> {
  const counts = { idle: 0, ready: 0, running: 0, initializing: 0 };
  try {
    const { workers } = JSON.parse(body) as { workers?: Record<string, unknown> };
    for (const name of Object.keys(counts) as WorkerCount[]) {
      const count = Number(workers?.[name] ?? 0);
      if (count > 0) counts[name] = count;
    }
  } catch {
    // Without a valid report no workers are counted.
  }
  return counts;
}

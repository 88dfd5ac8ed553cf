/**
 * Adapter for vLLM with sleep mode (`--enable-sleep-mode`, VLLM_SERVER_DEV_MODE=1): weights leave
 * the GPU on POST /sleep and return on POST /wake_up; GET /is_sleeping reports the state. A
 * sleeping server would accept a call and hang, so it is probed first. Other vLLM servers use
 * `openai-generic.ts`.
 */
import { type EndpointAdapter, onHost, type Readiness } from './adapter.ts';
import { classifyGeneric } from './openai-generic.ts';

export const vllm: EndpointAdapter = {
  kind: 'vllm',
  tellsLoad: true,
  failsCallsWhileCold: true,
  probe: (target) => ({ method: 'GET', url: onHost(target, '/is_sleeping') }),
  readProbe(status, body): Readiness {
    if (status === 404) return 'ready';
    if (status >= 300) return status === 503 ? 'waking' : 'broken';
    return /"is_sleeping"\s*:\s*true/.test(body) ? 'cold' : 'ready';
  },
  wake: (target) => ({ method: 'POST', url: onHost(target, '/wake_up') }),
  sleep: (target) => ({ method: 'POST', url: onHost(target, '/sleep?level=1') }),
  classify: classifyGeneric,
};

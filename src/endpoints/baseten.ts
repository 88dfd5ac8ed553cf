/**
 * Adapter for Baseten: `POST …/wake` on the deployment's host wakes it; the management API
 * (`statusUrl`) reports its status: SCALED_TO_ZERO, WAKING_UP, LOADING_MODEL, ACTIVE and others.
 */
import { type EndpointAdapter, onHost, type Readiness } from './adapter.ts';
import { classifyGeneric } from './openai-generic.ts';

const WAKING = /WAKING_UP|LOADING|UPDATING|BUILDING|DEPLOYING/;

export const baseten: EndpointAdapter = {
  kind: 'baseten',
  probe: (target) => ({ method: 'GET', url: target.statusUrl ?? target.url }),
  readProbe(status, body): Readiness {
    if (status >= 300) return 'broken';
    if (/INACTIVE|DEACTIVAT/.test(body)) return 'stopped';
    if (/SCALED_TO_ZERO/.test(body)) return 'cold';
    if (WAKING.test(body)) return 'waking';
    return /"ACTIVE"|UNHEALTHY/.test(body) ? 'ready' : 'broken';
  },
  wake: (target) => ({
    method: 'POST',
    url: onHost(target, target.wakePath ?? '/production/wake'),
  }),
  // Its gateway answers 504 or 502 while the model is still loading.
  classify: (status, body, isTool) =>
    status === 504 || status === 502 ? 'cold' : classifyGeneric(status, body, isTool),
};

/**
 * Adapter for Modal: a call to a function that is scaled to zero blocks until a container is up;
 * after 150 s it is answered 303 to the same URL with a token, which is followed
 * (`http/same-url.ts`). An endpoint that still redirects after that is cold.
 */
import type { EndpointAdapter } from './adapter.ts';
import { classifyGeneric } from './openai-generic.ts';

export const modal: EndpointAdapter = {
  kind: 'modal',
  // An app that is stopped, a workspace that is disabled or has spent its limit: a person has to act.
  readLook: ({ status, body }) =>
    (status === 404 || status === 429) && /is stopped|is disabled|spend limit/i.test(body)
      ? 'stopped'
      : undefined,
  classify: (status, body, isTool) =>
    status === 303 ? 'cold' : classifyGeneric(status, body, isTool),
};

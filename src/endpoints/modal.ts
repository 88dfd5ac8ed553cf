/**
 * Modal: a call to a function that scaled to zero blocks until a container is up; after 150 s it is
 * answered 303 to the same URL with a token, which is followed (same-url.ts). Only what is still
 * being sent round after that says that it is cold.
 */
import type { EndpointAdapter } from './adapter.ts';
import { classifyGeneric } from './openai-generic.ts';

export const modal: EndpointAdapter = {
  kind: 'modal',
  classify: (status, body, isTool) =>
    status === 303 ? 'cold' : classifyGeneric(status, body, isTool),
};

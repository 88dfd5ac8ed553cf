/**
 * Which methods are taken at all. TRACE answers with the request as it was received, the endpoint's
 * key included; CONNECT asks for a tunnel; what moves and copies names another path in a header.
 */
import { errorResponse } from './errors.ts';

export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** The refusal of any other method; undefined where it is taken. */
export function refusedMethod(
  method: string,
  headers: Record<string, string>,
): Response | undefined {
  if (METHODS.includes(method)) return undefined;
  const message = `Expected one of ${METHODS.join(', ')}.`;
  const allow = { ...headers, allow: METHODS.join(', ') };
  return errorResponse({ code: 'method_not_allowed', message }, allow);
}

/** What is said of a path that nothing answers: which usual mistake it is. */
import type { Router } from 'hono/router';
import { METHODS } from '../http/methods.ts';
import { servedPath } from '../http/written-path.ts';
import { unservedMessage } from './unserved.ts';

/** Routes by method and path, with what they are for beside the handler. */
export type Routes = Router<readonly [handler: unknown, route: { readonly method: string }]>;

/** The sentence for a path as it was written; undefined for one of which nothing is known. */
export function notFoundMessage(
  routes: Routes,
  method: string,
  written: string,
): string | undefined {
  const path = servedPath(written);
  const taken = methodsAt(routes, path);
  if (taken.length > 0) return `"${written}" takes ${taken.join(' or ')}, and not ${method}.`;
  const isBare = !path.startsWith('/v1/') && methodsAt(routes, servedPath(`/v1${path}`)).length > 0;
  // A base URL without `/v1` is the usual mistake.
  if (isBare) return `Nothing is at "${written}": the base URL ends with /v1.`;
  const lower = path.toLowerCase();
  const isUpper = lower !== path && methodsAt(routes, servedPath(lower)).length > 0;
  if (isUpper) return `Nothing is at "${written}": paths are compared with their case.`;
  return unservedMessage(path);
}

/** What a path takes; middleware is for all methods, and does not count. */
function methodsAt(routes: Routes, path: string): string[] {
  return METHODS.filter((method) =>
    routes.match(method, path)[0].some(([[, route]]) => route.method === method),
  );
}

/**
 * Calls that the dispatcher makes itself on a tenant's behalf: they have no key, but are known by
 * the request object itself, which no client can forge.
 */
import type { KeyOwner } from '../config/store.ts';

const callers = new WeakMap<Request, KeyOwner>();

/** Makes the request one of its tenant, with the key by which it was ordered. */
export function actFor(request: Request, owner: KeyOwner): void {
  callers.set(request, owner);
}

/** For whom the dispatcher itself makes this call; undefined for a client's. */
export function ownCaller(request: Request): KeyOwner | undefined {
  return callers.get(request);
}

/**
 * Marks the calls that the dispatcher makes itself on a tenant's behalf (jobs). They carry no API
 * key but are recognised by the request object itself, which no client can forge. The keys of
 * clients are checked in `auth.ts`.
 */
import type { KeyOwner } from '../config/store.ts';

const ownerOf = new WeakMap<Request, KeyOwner>();

/** Marks the request as a call of the owner's tenant, under the API key that ordered it. */
export function actFor(request: Request, owner: KeyOwner): void {
  ownerOf.set(request, owner);
}

/** The owner for whom the dispatcher makes this call; undefined for a client's own call. */
export function ownCaller(request: Request): KeyOwner | undefined {
  return ownerOf.get(request);
}

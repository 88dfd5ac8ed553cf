/**
 * Marks the calls that the dispatcher makes itself on a tenant's behalf (jobs). They carry no API
 * key but are recognised by the request object itself, which no client can forge. The keys of
 * clients are checked in `auth.ts`.
 */
import type { KeyOwner } from '../config/store.ts';

/** For whom such a call is made. */
export interface CallOwner extends KeyOwner {
  /** SHA-256 of the API key, in hex; absent where it was not stored with the order. */
  readonly keyHash?: string | undefined;
  /** The order has been charged the request that this call would take. */
  readonly isCharged?: boolean;
}

const ownerOf = new WeakMap<Request, CallOwner>();

/** Marks the request as a call of the owner's tenant, under the API key that ordered it. */
export function actFor(request: Request, owner: CallOwner): void {
  ownerOf.set(request, owner);
}

/** The owner for whom the dispatcher makes this call; undefined for a client's own call. */
export function ownCaller(request: Request): CallOwner | undefined {
  return ownerOf.get(request);
}

/** What the middleware has found out by the time that a route runs. */
import type { LoadedTenant } from '../config/store.ts';

export interface AppEnv {
  Bindings: Env;
  Variables: {
    /** The client's `x-request-id`, or a new one: for logs and for the client, never an identity. */
    requestId: string;
    tenant: LoadedTenant;
    keyId: string;
    /** SHA-256 of the key that was sent, in hex. */
    /** Absent of a call that the dispatcher makes itself, which is known by its key's id. */
    keyHash: string | undefined;
  };
}

/**
 * The type of a request's context: the bindings, and the values that middleware sets for routes.
 */
import type { Context } from 'hono';
import type { LoadedTenant } from '../config/store.ts';
import type { HeaderReader } from '../http/held-headers.ts';

export interface AppEnv {
  Bindings: Env;
  Variables: {
    /** The client's `x-request-id` or a new id: for logs and the client, never an identity. */
    requestId: string;
    /** The request's headers. */
    headers: HeaderReader;
    /** Who the administrator is, for the audit log. */
    admin: string;
    tenant: LoadedTenant;
    keyId: string;
    /**
     * SHA-256 of the API key, in hex: the one that was sent, or that ordered a call that the
     * dispatcher makes itself. Undefined for an order from before hashes were stored.
     */
    keyHash: string | undefined;
  };
}

/** What the handling of a tenant needs of a request, whichever values its middleware sets. */
export type TenantContext = Pick<Context<AppEnv, string>, 'env' | 'req' | 'json' | 'body'> & {
  get(key: 'requestId'): string;
};

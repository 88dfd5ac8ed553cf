/** What a Worker asks a tenant's object for a call of a client. */
import type { CallRequest } from '../core/runs/call-request.ts';

export interface EnqueueRequest {
  readonly call: CallRequest;
  readonly keyId: string;
  /** SHA-256 of the API key, in hex: the id alone may have been given to another key. */
  readonly keyHash?: string | undefined;
  /** Version of the configuration by which the Worker chose the backend. */
  readonly version: number;
  /** The id by which the client knows the call. */
  readonly requestId?: string;
  /** Number of answers requested in one call; 1 where absent. */
  readonly choices?: number;
  /** The request was charged before, for another backend: it must not count twice for its key. */
  readonly isCharged?: boolean;
  /** The client named no application: `call.app` is the API key's own. */
  readonly ownApp?: boolean;
  /** Slots that its isolate would borrow, as many calls come to it; absent: none. */
  readonly borrows?: number;
  /** How application, run and unit were each identified. */
  readonly why?: { readonly app: string; readonly run: string; readonly unit: string };
}

/** What a call needs to be forwarded to its endpoint, and what is left of an attempt that failed. */
import type { EndpointAdapter } from '../endpoints/adapter.ts';
import type { CallTimeouts } from '../endpoints/address.ts';
import type { ApiError } from '../http/errors.ts';
import type { Unsent } from '../http/same-url.ts';
import type { Upload } from '../http/upload.ts';
import type { CallResult } from '../protocol/admission.ts';
import type { Slot } from './admission.ts';
import type { Expected } from './answer-reading.ts';

export interface ForwardOptions extends Expected {
  readonly slot: Slot;
  /** The upstream request, to be sent once; `signal` cancels it. */
  readonly request: (signal: AbortSignal) => Unsent;
  readonly timeouts: CallTimeouts;
  /** A call that may have reached the endpoint may be sent again. */
  readonly isRepeatable: boolean;
  readonly adapter: EndpointAdapter;
  /** The request's body where it is relayed as it arrives. */
  readonly upload?: Upload | undefined;
  /** Headers that Talaria adds to the answer. */
  readonly added: Readonly<Record<string, string>>;
  /** Called when the result was reported and nothing is left of the call. */
  readonly onOver: () => void;
}

/** An attempt that failed before anything reached the client; its slot is still held. */
export interface FailedAttempt {
  readonly result: CallResult;
  /** The error for the client where no further attempt is made. */
  readonly error: ApiError;
  /** The endpoint's own error, which the client gets instead of `error`. */
  readonly answer?: Response;
}

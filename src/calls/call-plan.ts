/**
 * A call as its route describes it: what is sent to an endpoint and how the answer is read. The
 * description for the tenant's object is in `call-request.ts`.
 */

import type { AnswerFormat } from '../apis/streams/answer-format.ts';
import type { EndpointAddress } from '../endpoints/address.ts';
import type { Hand } from '../http/in-hand.ts';
import type { Upload } from '../http/upload.ts';
import type { Identity } from '../identity/identity.ts';
import type { CallRequest, PrefixLink } from '../protocol/admission.ts';
import type { PrefixText } from '../protocol/orders.ts';

/** The same for every backend that may serve the call; a fallback replaces only `backend`. */
export interface CallPlan {
  readonly backend: string;
  readonly kind: CallRequest['kind'];
  readonly model?: string;
  /** The model by the name that a backend's endpoints know; absent: `model` at each. */
  readonly modelAt?: (backend: string) => string;
  readonly inputTokens: number;
  /** Fingerprints of its prompt's beginnings; absent where no backend chooses endpoints by them. */
  readonly prefix?: readonly PrefixLink[];
  /** The text of its prompt up to a link, for a backend; undefined where it has none to keep. */
  readonly prefixText?: (link: string, backend: string) => PrefixText | undefined;
  /** Id of the response that it continues. */
  readonly continues?: string;
  readonly maxOutputTokens?: number;
  readonly identity: Identity;
  /** The body as the client sent it; undefined where it is relayed as it arrives, once only. */
  readonly content: string | Uint8Array<ArrayBuffer> | undefined;
  readonly upload?: Upload | undefined;
  /** What this isolate counts of the body, as long as the call may still need it. */
  readonly hand: Hand;
  readonly method: string;
  /** Path and query after the endpoint's URL. */
  readonly path: string;
  /** The body for this endpoint of a backend, and whether Talaria asked for usage where the client did not. */
  readonly body: (
    address: EndpointAddress,
    rankMs: number,
    backend: string,
  ) => { body: BodyInit | null; stripUsage: boolean };
  /** The body is sent in the encoding in which the client sent it, which the headers name. */
  readonly keepsEncoding?: boolean;
  readonly format: AnswerFormat;
  /** Number of answers requested in one call, OpenAI's `n`. */
  readonly choices?: number | undefined;
  /** Number of answers that may be generated for it; 1 where absent. */
  readonly generated?: number | undefined;
  /** Sequences that an engine computes for it at once; 1 where absent. */
  readonly sequences?: number | undefined;
  /** The answer is written token by token. */
  readonly generates?: boolean;
  /** The client asked for a stream, so comments can report its queue position while it waits. */
  readonly streams?: boolean;
}

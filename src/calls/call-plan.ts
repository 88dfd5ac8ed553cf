/** A call as its route describes it, whichever backend serves it. */

import type { AnswerFormat } from '../apis/streams/answer-format.ts';
import type { EndpointAddress } from '../endpoints/address.ts';
import type { Upload } from '../http/upload.ts';
import type { Identity } from '../identity/identity.ts';
import type { CallRequest } from '../protocol/tenant.ts';

/** What is to be sent, and how the answer is to be read. */
export interface CallPlan {
  readonly backend: string;
  readonly kind: CallRequest['kind'];
  readonly inputTokens: number;
  readonly maxOutputTokens?: number;
  readonly identity: Identity;
  /** The body as the client sent it; absent where it is relayed as it comes, and only once. */
  readonly content: string | Uint8Array<ArrayBuffer> | undefined;
  readonly upload?: Upload | undefined;
  readonly method: string;
  /** Path and query behind the endpoint's URL. */
  readonly path: string;
  /** The body for this endpoint, and whether usage was asked for without the client's wish. */
  readonly body: (
    address: EndpointAddress,
    rankMs: number,
  ) => { body: BodyInit | null; stripUsage: boolean };
  readonly format: AnswerFormat;
  /** Answers asked for in one call, OpenAI's `n`. */
  readonly choices?: number | undefined;
  /** The client asked for a stream: it can be told how it stands while it waits. */
  readonly streams?: boolean;
}

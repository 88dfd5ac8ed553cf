/**
 * Sends the requests of wakes and releases, each with a time limit of its own, and reads the beginning
 * of the answers. What an answer means is in `look.ts` and the adapters. The clock and the network are
 * behind one interface, so that tests need neither.
 */

import { given } from '../http/given.ts';
import { readBeginning } from '../http/read-answer.ts';
import { fetchSameUrl } from '../http/same-url.ts';
import type { EndpointTarget, PlatformAnswer, PlatformRequest } from './adapter.ts';

/** Most bytes of an answer that are read unless a request says otherwise; the rest is cancelled. */
const MAX_ANSWER_BYTES = 16_384;

/** An answer, or why there is none. */
export type Sent =
  | { readonly kind: 'answered'; readonly answer: PlatformAnswer }
  | { readonly kind: 'silent' }
  | { readonly kind: 'unreachable' };

export interface PlatformIo {
  /** Epoch ms. */
  now(): number;
  wait(ms: number): Promise<void>;
  /** Never rejects. `silent`: no answer within `limitMs`, or until `stop`. */
  send(
    request: PlatformRequest,
    target: EndpointTarget,
    limitMs: number,
    stop?: AbortSignal,
  ): Promise<Sent>;
}

export const platformIo: PlatformIo = {
  now: () => Date.now(),
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  async send(request, target, limitMs, stop) {
    const limit = AbortSignal.timeout(limitMs);
    const signal = stop ? AbortSignal.any([limit, stop]) : limit;
    try {
      const { url, method, headers, body, mostBytes = MAX_ANSWER_BYTES } = request;
      const sent = {
        url,
        method,
        headers: { ...target.auth, ...headers },
        ...given({ body }),
        signal,
      };
      // Modal keeps a long call going by redirects to the same URL.
      const response = await fetchSameUrl(sent, () => {});
      const { text, isWhole } = await readBeginning(response, mostBytes);
      return { kind: 'answered', answer: { status: response.status, body: text, isWhole } };
    } catch {
      return { kind: signal.aborted ? 'silent' : 'unreachable' };
    }
  },
};

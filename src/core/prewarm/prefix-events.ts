/**
 * The events and effects of prefixes that endpoints read ahead: plain data, a part of the dispatcher's
 * events and effects (dispatch-events.ts).
 */
import type { KeptPrefix } from '../runs/prefix.ts';

/** How a read turned out; `late`: the first call with the prefix came before it was read. */
export type ReadOutcome = 'used' | 'late' | 'wasted' | 'failed';

export type PrefixEvent =
  /** All prefixes whose text is kept. */
  | { readonly type: 'prefixes-kept'; readonly prefixes: readonly KeptPrefix[] }
  /** The request of a read has ended. */
  | {
      readonly type: 'prefix-answered';
      readonly backend: string;
      readonly endpoint: string;
      /** The `at` of the read that is answered. */
      readonly readAt: number;
      readonly ok: boolean;
      /** Time that it took, ms. */
      readonly tookMs: number;
      /** Why it failed, for the operator. */
      readonly reason?: string;
    };

export interface PrefixRead {
  readonly prefix: KeptPrefix;
  /** When it began, epoch ms; names it together with the endpoint. */
  readonly at: number;
  /** P(a call with the prefix comes while it is there). */
  readonly probability: number;
  /** Explanation for people. */
  readonly reason: string;
}

interface AtEndpoint {
  readonly backend: string;
  readonly endpoint: string;
}

export type PrefixEffect =
  /** Have an endpoint read a prefix. */
  | ({
      readonly type: 'prefix-read';
      readonly link: string;
      readonly readAt: number;
      /** Time without an answer after which it is given up, ms. */
      readonly patienceMs: number;
    } & AtEndpoint)
  /** Nobody waits for that any more. */
  | ({ readonly type: 'prefix-stop'; readonly readAt: number } & AtEndpoint)
  | ({
      readonly type: 'prefix-settled';
      readonly read: PrefixRead;
      readonly outcome: ReadOutcome;
    } & AtEndpoint);

/** A list that effects are appended to; the dispatcher's list also takes other effects. */
export interface PrefixEffects {
  push(effect: PrefixEffect): unknown;
}

/**
 * What a platform's adapter does: wakes an endpoint, and tells a cold answer from a broken one. The
 * rest of Talaria knows no platform.
 */

/** An endpoint as the network sees it. */
export interface EndpointTarget {
  readonly url: string;
  /** Value of the Authorization header; absent where the endpoint needs none. */
  readonly authorization?: string;
  /** A model that it serves; absent for a tool. */
  readonly model?: string;
  /** Path for a POST that wakes it; absent where a call does. */
  readonly wakePath?: string;
  /** Path for a POST that has it go cold. */
  readonly releasePath?: string;
}

export interface WakeResult {
  readonly ok: boolean;
  readonly tookMs: number;
}

/** What an endpoint's answer says about the endpoint. */
export type AnswerKind = 'ok' | 'rejected' | 'busy' | 'cold' | 'broken';

export interface EndpointAdapter {
  readonly name: string;
  /** Wakes the endpoint and returns when it has served, or when `patienceMs` have passed. */
  wake(target: EndpointTarget, patienceMs: number): Promise<WakeResult>;
  /** Has an idle endpoint go cold; false where it could not be told. Absent: it cannot be. */
  release?(target: EndpointTarget, patienceMs: number): Promise<boolean>;
  /** Reads the status of an answer to a call, and the body where it is an error. */
  classify(status: number, body: string): AnswerKind;
}

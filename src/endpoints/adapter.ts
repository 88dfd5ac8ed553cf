/**
 * The interface of a platform's adapter: how to probe, wake and release an endpoint, and what an
 * answer without success says about it. Adapters do no I/O: they build requests and read answers,
 * and `wake.ts` sends the requests. The rest of Talaria knows no platform.
 */

/** An endpoint with everything that a request to it needs. */
export interface EndpointTarget {
  readonly url: string;
  /** Headers with its key; none where it needs none. */
  readonly auth: Readonly<Record<string, string>>;
  /** The key alone, which no error or log may contain. */
  readonly key?: string;
  /** A model that it serves; absent for a tool. */
  readonly model?: string;
  /** Path of a POST that wakes it; absent where a call does. */
  readonly wakePath?: string;
  /** Where its platform reports its state, if that is not on its own host. */
  readonly statusUrl?: string;
  /** Path of a POST that releases it. */
  readonly releasePath?: string;
  /** Path of a GET that is answered 2xx once it is warm, instead of a call. */
  readonly readyPath?: string;
}

/** A request to a platform, with an absolute URL. */
export interface PlatformRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Most bytes of the answer that are read; 16 KiB where absent. */
  readonly mostBytes?: number;
}

/** State of an endpoint by a probe; `waking` becomes ready by itself, `stopped` only by a person. */
export type Readiness = 'ready' | 'waking' | 'cold' | 'broken' | 'stopped';

/**
 * What an endpoint's answer says about the endpoint. `unready`: either the endpoint is not up, or the
 * request asks for what it does not have; core/backends decides by what else is known of it.
 * `flagged`: a filter refuses what the caller wrote; `forbidden`: that, or the endpoint's key.
 * `denied`: the endpoint's key, or its account: it is up, and no wait helps.
 */
export type AnswerKind =
  | 'ok'
  | 'rejected'
  | 'unready'
  | 'flagged'
  | 'forbidden'
  | 'busy'
  | 'cold'
  | 'denied'
  | 'broken';

/** An answer to a request of a wake, as far as it was read. */
export interface PlatformAnswer {
  readonly status: number;
  readonly body: string;
  /** False where the answer is longer than what was read. */
  readonly isWhole: boolean;
}

/**
 * What the answer to a wake's call says. `waiting`: ask again; `other-form`: the server does not do
 * what it was asked for, ask in another way; `stopped`: a person has to start it; `denied`: it refuses
 * the key.
 */
export type LookKind = 'warm' | 'waiting' | 'other-form' | 'stopped' | 'denied';

export interface EndpointAdapter {
  readonly kind: string;
  /** Its address is an engine's own, which may tell its load; see `engine-load.ts`. */
  readonly tellsLoad?: boolean;
  /** Headers that are added to each call. */
  readonly callHeaders?: Readonly<Record<string, string>>;
  /** Probes the state without waking the endpoint; absent where only a call reveals it. */
  probe?(target: EndpointTarget): PlatformRequest;
  readProbe?(status: number, body: string): Readiness;
  /** Wakes the endpoint, before the call that every wake ends with; absent where a call does. */
  wake?(target: EndpointTarget): PlatformRequest;
  /** Releases the endpoint; absent where only its idle timeout does. */
  sleep?(target: EndpointTarget): PlatformRequest;
  /** A call to a cold endpoint fails or hangs: it is told to wake before the first one. */
  readonly failsCallsWhileCold?: boolean;
  /** Reads the answer to a wake's call where the platform has its own way; see `look.ts`. */
  readLook?(answer: PlatformAnswer, isTool: boolean): LookKind | undefined;
  /**
   * Classifies an answer to a call by its status and the beginning of its body. Asked by
   * `verdict.ts` only, which everybody else asks.
   */
  classify(status: number, body: string, isTool: boolean): AnswerKind;
}

/** The absolute URL of a path on the endpoint's own host. */
export function onHost(target: EndpointTarget, path: string): string {
  return new URL(new URL(target.url).origin + path).href;
}

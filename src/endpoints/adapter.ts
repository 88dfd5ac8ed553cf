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
}

/** A request to a platform, with an absolute URL. */
export interface PlatformRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** State of an endpoint by a probe; `waking` becomes ready by itself. */
export type Readiness = 'ready' | 'waking' | 'cold' | 'broken';

/** What an endpoint's answer says about the endpoint. */
export type AnswerKind = 'ok' | 'rejected' | 'forbidden' | 'busy' | 'cold' | 'broken';

export interface EndpointAdapter {
  readonly kind: string;
  /** Headers that are added to each call. */
  readonly callHeaders?: Readonly<Record<string, string>>;
  /** Probes the state without waking the endpoint; absent where only a call reveals it. */
  probe?(target: EndpointTarget): PlatformRequest;
  readProbe?(status: number, body: string): Readiness;
  /** Wakes the endpoint, before the call that every wake ends with; absent where a call does. */
  wake?(target: EndpointTarget): PlatformRequest;
  /** Releases the endpoint; absent where only its idle timeout does. */
  sleep?(target: EndpointTarget): PlatformRequest;
  /** Classifies an answer to a call by its status and the beginning of its body. */
  classify(status: number, body: string, isTool: boolean): AnswerKind;
}

/** The absolute URL of a path on the endpoint's own host. */
export function onHost(target: EndpointTarget, path: string): string {
  return new URL(new URL(target.url).origin + path).href;
}

/**
 * The call that proves an endpoint warm: a real completion of one token, since an open port is not
 * a warm model; for a tool, a GET.
 */
export function firstCall({ url, model }: EndpointTarget): PlatformRequest {
  if (model === undefined) return { method: 'GET', url };
  return {
    method: 'POST',
    url: `${url.replace(/\/+$/, '')}/chat/completions`,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: '.' }], max_tokens: 1 }),
  };
}

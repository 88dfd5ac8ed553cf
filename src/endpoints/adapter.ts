/**
 * What a platform's adapter knows: how to see whether an endpoint is up, how to wake it and send it to
 * sleep, and what an answer that is no success says of it. Adapters are words without I/O: requests
 * to be sent and readings of answers; wake.ts sends them. The rest of Talaria knows no platform.
 */

/** An endpoint as the network sees it. */
export interface EndpointTarget {
  readonly url: string;
  /** Headers with its key; none where it needs none. */
  readonly auth: Readonly<Record<string, string>>;
  /** The key alone, which nothing that is told to anybody may have in it. */
  readonly key?: string;
  /** A model that it serves; absent for a tool. */
  readonly model?: string;
  /** Path for a POST that wakes it; absent where a call does. */
  readonly wakePath?: string;
  /** Where its platform tells how it stands, where that is not on its own host. */
  readonly statusUrl?: string;
  /** Path for a POST that has it go cold. */
  readonly releasePath?: string;
}

/** A request to a platform. Relative paths are from the endpoint's host. */
export interface PlatformRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** How an endpoint stands: `waking` is up soon by itself. */
export type Readiness = 'ready' | 'waking' | 'cold' | 'broken';

/** What an endpoint's answer says about the endpoint. */
export type AnswerKind = 'ok' | 'rejected' | 'busy' | 'cold' | 'broken';

export interface EndpointAdapter {
  readonly kind: string;
  /** Added to each call. */
  readonly callHeaders?: Readonly<Record<string, string>>;
  /** Asks the platform how the endpoint stands, without waking it; absent where only a call tells. */
  probe?(target: EndpointTarget): PlatformRequest;
  readProbe?(status: number, body: string): Readiness;
  /** Wakes it, beside the call that every wake ends with; absent where a call does. */
  wake?(target: EndpointTarget): PlatformRequest;
  /** Sends it to sleep; absent where only its idle timeout does. */
  sleep?(target: EndpointTarget): PlatformRequest;
  /** Reads the status of an answer to a call that is no success, and the beginning of its body. */
  classify(status: number, body: string, isTool: boolean): AnswerKind;
}

/** A path of the endpoint's own host. */
export function onHost(target: EndpointTarget, path: string): string {
  return new URL(new URL(target.url).origin + path).href;
}

/** One real completion of one token, or a look at a tool: an open port is not a warm model. */
export function firstCall({ url, model }: EndpointTarget): PlatformRequest {
  if (model === undefined) return { method: 'GET', url };
  return {
    method: 'POST',
    url: `${url.replace(/\/+$/, '')}/chat/completions`,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: '.' }], max_tokens: 1 }),
  };
}

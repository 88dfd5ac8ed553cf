/**
 * `Idempotency-Key`: a finished plain call is answered again from what was kept, and one call at a
 * time runs under a key. Only an answer of 2xx is kept; after anything else the key is free, so that
 * a client which tries again gets a real try. Nothing of this is on the way of calls without a key.
 */
import type { Context } from 'hono';
import type { AppEnv } from '../auth/app-env.ts';
import { revokedKeyResponse } from '../auth/live-key.ts';
import { errorResponse } from '../http/errors.ts';
import { sha256Hex } from '../http/sha256.ts';
import { askObject } from '../objects/ask-object.ts';
import type { Claim, IdempotencyApi, StoredAnswer } from '../protocol/idempotency.ts';

/** Shards of a tenant's keys: one for each hex digit. */
const SHARDS = 16;
const RENEW_MS = 10_000;
const MAX_TRIES = 3;
const MAX_HEADER_CHARS = 8_192;
/** Of the call at hand, not of the answer. */
const NOT_KEPT = /^(x-request-id|request-id|x-ratelimit-.*|server-timing|content-length)$/;

type Shard = IdempotencyApi;

export interface IdempotentCall {
  readonly content: string | Uint8Array<ArrayBuffer>;
  /** A stream is not kept: its key means nothing. */
  readonly streams: boolean;
}

/** Makes the call, unless its key says that it was made or is being made. */
export async function runIdempotent(
  c: Context<AppEnv>,
  call: IdempotentCall,
  act: () => Promise<Response>,
): Promise<Response> {
  const given = c.req.header('idempotency-key');
  const { method } = c.req.raw;
  if (given === undefined || call.streams || method === 'GET' || method === 'HEAD') return act();
  const headers = { 'x-request-id': c.get('requestId') };
  if (!/^[\x20-\x7e]{1,255}$/.test(given)) {
    const message = 'Expected 1 to 255 printable characters.';
    const error = { code: 'invalid_request_error', param: 'idempotency-key', message } as const;
    return errorResponse(error, headers);
  }
  const { claim, shard } = await claimOf(c, given, call.content);
  const begun = await attempted(() => shard().begin(claim));
  if (!begun) {
    return errorResponse({ code: 'dispatcher_unavailable', retryAfterMs: 1_000 }, headers);
  }
  switch (begun.status) {
    case 'conflict':
      return errorResponse(
        { code: 'idempotency_key_conflict', param: 'idempotency-key' },
        { ...headers, 'x-should-retry': 'false' },
      );
    case 'in-progress': {
      const { retryAfterMs } = begun;
      const param = 'idempotency-key';
      return errorResponse({ code: 'idempotency_key_in_progress', param, retryAfterMs }, headers);
    }
    case 'replay':
      return (await revokedKeyResponse(c)) ?? replayed(begun.answer, headers);
    default: {
      const { answerBytes } = c.get('tenant').config.idempotency;
      const held = new HeldKey(shard, claim, begun.hold);
      // The key is given back also where the client leaves.
      c.executionCtx.waitUntil(held.over);
      return held.run(act, answerBytes);
    }
  }
}

/** Forgets all that is kept of a tenant. */
export async function forgetAnswers(env: Env, tenant: string): Promise<void> {
  const shards = Array.from({ length: SHARDS }, (_, i) => shardName(tenant, i.toString(16)));
  const forget = (name: string) => askObject(() => shardStub(env, name).destroy());
  await Promise.all(shards.map(forget));
}

async function claimOf(
  c: Context<AppEnv>,
  given: string,
  content: IdempotentCall['content'],
): Promise<{ claim: Claim; shard: () => Shard }> {
  const { tenant, config } = c.get('tenant');
  const { lifetimeMs, totalBytes } = config.idempotency;
  const { pathname, search } = new URL(c.req.url);
  const key = await sha256Hex(JSON.stringify([c.get('keyId'), given]));
  return {
    claim: {
      key,
      print: `${c.req.raw.method} ${pathname}${search} ${await sha256Hex(content)}`,
      owner: crypto.randomUUID(),
      lifetimeMs,
      shardBytes: Math.floor(totalBytes / SHARDS),
    },
    // A fresh stub each time: one that threw may stay broken.
    shard: () => shardStub(c.env, shardName(tenant, key[0] ?? '0')),
  };
}

/** RPC's generated types cannot express a union of answers; what passes is plain data. */
function shardStub(env: Env, name: string): Shard {
  return env.IDEMPOTENCY.getByName(name) as unknown as Shard;
}

function shardName(tenant: string, digit: string): string {
  return `${tenant}/${digit}`;
}

/** A key that this call holds, until its answer is kept or has come to nothing. */
class HeldKey {
  readonly over: Promise<void>;
  readonly #shard: () => Shard;
  readonly #claim: Claim;
  readonly #hold: Partial<Disposable>;
  readonly #resolve: () => void;
  readonly #renewal: ReturnType<typeof setInterval>;
  #ended = false;

  constructor(shard: () => Shard, claim: Claim, hold: Partial<Disposable>) {
    this.#shard = shard;
    this.#claim = claim;
    this.#hold = hold;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    this.#resolve = resolve;
    this.#renewal = setInterval(() => void attempted(() => shard().renew(claim)), RENEW_MS);
  }

  async run(act: () => Promise<Response>, maxBytes: number): Promise<Response> {
    let response: Response;
    try {
      response = await act();
    } catch (error) {
      await this.#end(undefined);
      throw error;
    }
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream');
    if (!response.ok || isStream) {
      await this.#end(undefined);
      return response;
    }
    if (response.body) return this.#kept(response, response.body, maxBytes);
    await this.#end(answerOf(response, new Uint8Array(0)));
    return response;
  }

  /** Relays the answer and keeps it on the way. */
  #kept(response: Response, body: ReadableStream<Uint8Array>, maxBytes: number): Response {
    const reader = body.getReader();
    const parts: Uint8Array[] = [];
    let length = 0;
    const relayed = new ReadableStream<Uint8Array>(
      {
        pull: async (sink) => {
          try {
            const { done, value } = await reader.read();
            if (done) {
              // Before the client has the whole of it: asked again, it gets the same.
              const whole = length <= maxBytes ? joined(parts, length) : undefined;
              await this.#end(whole && answerOf(response, whole));
              return sink.close();
            }
            length += value.length;
            if (length <= maxBytes) parts.push(value);
            sink.enqueue(value);
          } catch (error) {
            await this.#end(undefined);
            sink.error(error);
          }
        },
        cancel: async (reason) => {
          await Promise.allSettled([reader.cancel(reason), this.#end(undefined)]);
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(relayed, response);
  }

  async #end(answer: StoredAnswer | undefined): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#renewal);
    const claim = this.#claim;
    const told = await attempted(async () => {
      if (answer) await this.#shard().finish(claim, answer);
      else await this.#shard().free(claim);
      return true;
    });
    if (!told) console.error(JSON.stringify({ event: 'answer_not_kept', key: claim.key }));
    this.#hold[Symbol.dispose]?.();
    this.#resolve();
  }
}

function answerOf(response: Response, body: Uint8Array<ArrayBuffer>): StoredAnswer {
  const headers = [...response.headers].filter(([name]) => !NOT_KEPT.test(name));
  const short = JSON.stringify(headers).length <= MAX_HEADER_CHARS;
  const type = headers.filter(([name]) => name === 'content-type');
  return { status: response.status, headers: short ? headers : type, body };
}

function replayed(answer: StoredAnswer, own: Record<string, string>): Response {
  const headers = new Headers(answer.headers.map(([name, value]) => [name, value]));
  for (const [name, value] of Object.entries(own)) headers.set(name, value);
  headers.set('idempotent-replayed', 'true');
  const body = answer.status === 204 || answer.body.length === 0 ? null : answer.body;
  return new Response(body, { status: answer.status, headers });
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

async function attempted<T>(act: () => Promise<T>): Promise<T | undefined> {
  for (let attempt = 1; attempt <= MAX_TRIES; attempt += 1) {
    try {
      return await act();
    } catch (error) {
      if (attempt === MAX_TRIES) {
        console.error(JSON.stringify({ event: 'idempotency_failed', error: String(error) }));
      }
    }
  }
  return undefined;
}

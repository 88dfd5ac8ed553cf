/**
 * Implements `Idempotency-Key` in the Worker: replays the stored answer of a finished call that did
 * not stream, and lets one call at a time run under a key. Only a 2xx answer is stored; after
 * anything else the key is free, so that a client that retries gets a real attempt. Calls without a
 * key bypass this file. The storage itself is in `durable-objects/idempotency.ts`.
 */
import type { Context } from 'hono';
import { getPath } from 'hono/utils/url';
import type { AppEnv } from '../auth/app-env.ts';
import { revokedKeyResponse } from '../auth/live-key.ts';
import { errorResponse } from '../http/errors.ts';
import { isEventStream } from '../http/media-type.ts';
import { sha256Hex } from '../http/sha256.ts';
import { modelInPath } from '../http/written-path.ts';
import { askObject } from '../objects/ask-object.ts';
import type { Claim, IdempotencyApi, StoredAnswer } from '../protocol/idempotency.ts';
import { logError, logFailure } from '../protocol/log-line.ts';

/** Shards of a tenant's keys: one for each hex digit. */
const SHARDS = 16;
const RENEW_MS = 10_000;
const MAX_TRIES = 3;
const MAX_HEADER_CHARS = 8_192;
/** Longest method and URL that a claim contains; of a longer one it has the hash. */
const MAX_TARGET_CHARS = 256;
/** Headers that belong to the present call and not to the stored answer. */
const NOT_KEPT = /^(x-request-id|request-id|x-ratelimit-.*|server-timing|content-length)$/;

type Shard = IdempotencyApi;

export interface IdempotentCall {
  /** The body, or its parts where what stands between them is no part of what it says. */
  readonly content: Uint8Array<ArrayBuffer> | readonly Uint8Array<ArrayBuffer>[];
  /** A stream is not stored, so its key is ignored. */
  readonly streams: boolean;
}

/** Makes the call, unless its key shows that it was made or is being made. */
export async function runIdempotent(
  c: Context<AppEnv>,
  call: IdempotentCall,
  act: () => Promise<Response>,
): Promise<Response> {
  const idempotencyKey = c.req.header('idempotency-key');
  const { method } = c.req.raw;
  if (idempotencyKey === undefined || call.streams || method === 'GET' || method === 'HEAD')
    return act();
  const headers = { 'x-request-id': c.get('requestId') };
  if (!/^[\x20-\x7e]{1,255}$/.test(idempotencyKey)) {
    const message = 'Expected 1 to 255 printable characters.';
    const error = { code: 'invalid_request_error', param: 'idempotency-key', message } as const;
    return errorResponse(error, headers);
  }
  const { claim, shard } = await claimOf(c, idempotencyKey, call.content);
  const begun = await withRetries(() => shard().begin(claim));
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
      // The key must be released even if the client leaves.
      c.executionCtx.waitUntil(held.over);
      return held.run(act, answerBytes);
    }
  }
}

/** Deletes all stored answers of a tenant. */
export async function forgetAnswers(env: Env, tenant: string): Promise<void> {
  const shards = Array.from({ length: SHARDS }, (_, i) => shardName(tenant, i.toString(16)));
  const forget = (name: string) => askObject(() => shardStub(env, name).destroy());
  await Promise.all(shards.map(forget));
}

async function claimOf(
  c: Context<AppEnv>,
  idempotencyKey: string,
  content: IdempotentCall['content'],
): Promise<{ claim: Claim; shard: () => Shard }> {
  const { tenant, config } = c.get('tenant');
  const { lifetimeMs, totalBytes } = config.idempotency;
  const { search } = new URL(c.req.url);
  const key = await sha256Hex(JSON.stringify([c.get('keyId'), idempotencyKey]));
  // As it is served, with the model that Azure's paths name: a base URL is written in several ways.
  const model = modelInPath(getPath(c.req.raw));
  const path = model === undefined ? c.req.path : `${c.req.path} ${JSON.stringify(model)}`;
  const target = `${c.req.raw.method} ${path}${search}`;
  const shown = target.length <= MAX_TARGET_CHARS ? target : await sha256Hex(target);
  return {
    claim: {
      key,
      keyHash: c.get('keyHash'),
      print: `${shown} ${await printOf(content)}`,
      owner: crypto.randomUUID(),
      lifetimeMs,
      shardBytes: Math.floor(totalBytes / SHARDS),
    },
    // A fresh stub each time: one that threw may stay broken.
    shard: () => shardStub(c.env, shardName(tenant, key[0] ?? '0')),
  };
}

async function printOf(content: IdempotentCall['content']): Promise<string> {
  if (content instanceof Uint8Array) return sha256Hex(content);
  const prints = await Promise.all(content.map((part) => sha256Hex(part)));
  return sha256Hex(prints.join());
}

/** The cast: RPC's generated types cannot express a union of results; plain data passes. */
function shardStub(env: Env, name: string): Shard {
  return env.IDEMPOTENCY.getByName(name) as unknown as Shard;
}

function shardName(tenant: string, digit: string): string {
  return `${tenant}/${digit}`;
}

/** A key that this call holds until its answer is stored or the call has failed. */
class HeldKey {
  /** Resolves when the key is released. */
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
    this.#renewal = setInterval(() => void withRetries(() => shard().renew(claim)), RENEW_MS);
  }

  async run(act: () => Promise<Response>, maxBytes: number): Promise<Response> {
    let response: Response;
    try {
      response = await act();
    } catch (error) {
      await this.#end(undefined);
      throw error;
    }
    if (!response.ok || isEventStream(response.headers)) {
      await this.#end(undefined);
      return response;
    }
    if (response.body) return this.#relayAndStore(response, response.body, maxBytes);
    await this.#end(answerOf(response, new Uint8Array(0)));
    return response;
  }

  /** Relays the answer and collects it for storage on the way. */
  #relayAndStore(response: Response, body: ReadableStream<Uint8Array>, maxBytes: number): Response {
    const reader = body.getReader();
    const parts: Uint8Array[] = [];
    let length = 0;
    const relayed = new ReadableStream<Uint8Array>(
      {
        pull: async (sink) => {
          try {
            const { done, value } = await reader.read();
            if (done) {
              // Stored before the client has the complete answer, so that a repeat gets
              // the same answer.
              const whole = length <= maxBytes ? joinedParts(parts, length) : undefined;
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
    const isDone = await withRetries(async () => {
      if (answer) await this.#shard().finish(claim, answer);
      else await this.#shard().free(claim);
      return true;
    });
    if (!isDone) logError('answer_not_kept', { key: claim.key });
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

function replayed(answer: StoredAnswer, added: Record<string, string>): Response {
  const headers = new Headers(answer.headers.map(([name, value]) => [name, value]));
  for (const [name, value] of Object.entries(added)) headers.set(name, value);
  headers.set('idempotent-replayed', 'true');
  const body = answer.status === 204 || answer.body.length === 0 ? null : answer.body;
  return new Response(body, { status: answer.status, headers });
}

function joinedParts(parts: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

async function withRetries<T>(act: () => Promise<T>): Promise<T | undefined> {
  for (let attempt = 1; attempt <= MAX_TRIES; attempt += 1) {
    try {
      return await act();
    } catch (error) {
      if (attempt === MAX_TRIES) {
        logFailure('idempotency_failed', error);
      }
    }
  }
  return undefined;
}

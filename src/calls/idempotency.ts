/**
 * Implements `Idempotency-Key` in the Worker: replays the stored answer of a finished call that did
 * not stream, and lets one call at a time run under a key. Only a 2xx answer is stored; after
 * anything else the key is free, so that a client that retries gets a real attempt. Calls without a
 * key bypass this file. A key in use is in `held-key.ts`, the storage in `durable-objects/idempotency.ts`.
 */
import type { Context } from 'hono';
import { getPath } from 'hono/utils/url';
import type { AppEnv } from '../auth/app-env.ts';
import { revokedKeyResponse } from '../auth/live-key.ts';
import { errorResponse } from '../http/errors.ts';
import { sha256Hex } from '../http/sha256.ts';
import { modelInPath } from '../http/written-path.ts';
import { askObject } from '../objects/ask-object.ts';
import type { Claim, IdempotencyApi, StoredAnswer } from '../protocol/idempotency.ts';
import { HeldKey, withRetries } from './held-key.ts';

/** Shards of a tenant's keys: one for each hex digit. */
const SHARDS = 16;
/** Longest method and URL that a claim contains; of a longer one it has the hash. */
const MAX_TARGET_CHARS = 256;

type Shard = IdempotencyApi;

export interface IdempotentCall {
  /** The body, or its parts where what stands between them is no part of what it says. */
  readonly content: Uint8Array<ArrayBuffer> | readonly Uint8Array<ArrayBuffer>[];
  /** A stream is not stored, so its key is ignored. */
  readonly streams: boolean;
}

/** Makes the call, unless its key shows that it was made or is being made. */
export function runIdempotent(
  c: Context<AppEnv>,
  call: IdempotentCall,
  act: () => Promise<Response>,
): Promise<Response> {
  const idempotencyKey = c.get('headers').get('idempotency-key');
  const { method } = c.req.raw;
  const isKept = idempotencyKey !== null && !call.streams && method !== 'GET' && method !== 'HEAD';
  return isKept ? runUnderKey(c, idempotencyKey, call, act) : act();
}

async function runUnderKey(
  c: Context<AppEnv>,
  idempotencyKey: string,
  call: IdempotentCall,
  act: () => Promise<Response>,
): Promise<Response> {
  const headers = { 'x-request-id': c.get('requestId') };
  if (!/^[\x20-\x7e]{1,255}$/.test(idempotencyKey)) {
    const message = 'Expected 1 to 255 printable ASCII characters.';
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

function replayed(answer: StoredAnswer, added: Record<string, string>): Response {
  const headers = new Headers(answer.headers.map(([name, value]) => [name, value]));
  for (const [name, value] of Object.entries(added)) headers.set(name, value);
  headers.set('idempotent-replayed', 'true');
  const body = answer.status === 204 || answer.body.length === 0 ? null : answer.body;
  return new Response(body, { status: answer.status, headers });
}

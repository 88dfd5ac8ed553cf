/**
 * The schema of a backend's settings and those of its endpoints, with all defaults. The rest of the
 * configuration is in `schema.ts`.
 */
import * as z from 'zod/mini';
import { AFFINITIES } from '../core/backends/backend-spec.ts';
import { PRIORITY_STYLES } from '../endpoints/engine-priority.ts';
import { ENDPOINT_KINDS } from '../endpoints/registry.ts';
import { intWithin, textLike, textUpTo } from '../http/field-schemas.ts';
import { adapters, lora } from './adapter-settings.ts';
import { modelEntry } from './model-entry.ts';
import { prewarm } from './prewarm-settings.ts';
import { milliseconds, name } from './setting-kinds.ts';

/** A path on the endpoint's own host: two slashes would name another host. */
const hostPath = z
  .string()
  .check(
    z.maxLength(2048),
    z.regex(/^\/(?![/\\])[\x21-\x7e]*$/, 'expected a path that begins with one "/"'),
  );

const coldStart = z.strictObject({
  /** Assumed time from a wake to the answer, until wakes have been observed. */
  estimateMs: z._default(milliseconds, 30_000),
  /** The platform's own idle timeout. */
  idleTimeoutMs: z._default(milliseconds, 60_000),
  /** Pings that keep it warm are never closer than this; 6 s where absent. */
  leastPingMs: z.optional(milliseconds),
  /** Path of a POST that wakes it, from the URL's root; absent: a one-token completion does. */
  wakePath: z.optional(hostPath),
  /** Path of a POST that releases it; absent: only its platform lets it go cold. */
  releasePath: z.optional(hostPath),
  /** Path of a GET that is answered 2xx once it is warm; absent: a completion of one token tells. */
  readyPath: z.optional(hostPath),
  /** Few calls are admitted right after a wake, then more. */
  slowStart: z._default(z.boolean(), true),
});

const endpoint = z.strictObject({
  /** Its name in headers and reports; the URL where absent. */
  name: z.optional(name),
  url: textUpTo(2048),
  /** Calls that it serves at a time. */
  slots: z._default(intWithin(1, 100_000), 8),
  /** The platform that it runs on. */
  kind: z._default(z.enum(ENDPOINT_KINDS), 'openai-generic'),
  /** Where the platform's management API reports its state (Baseten). */
  statusUrl: z.optional(textUpTo(2048)),
  /** Its key, in exactly one of `secret`, `value` and `sealed`, and how the key is sent. */
  auth: z.optional(
    z.strictObject({
      /** Name of the Worker secret that contains the key. */
      secret: z.optional(
        textLike(/^[A-Z][A-Z0-9_]{0,127}$/, 'expected the name of a Worker secret, as in GPU_KEY'),
      ),
      /** The key itself, in a PUT only: it is stored as `sealed`. */
      value: z.optional(
        textLike(
          /^[\x21-\x7e]{1,4096}$/,
          'expected 1 to 4096 printable ASCII characters without spaces',
        ),
      ),
      /** The key, encrypted for this tenant, backend and host. */
      sealed: z.optional(
        textLike(/^v1\.[\w-]{1,16}\.[\w-]{1,8192}$/, 'expected what a GET of the tenant shows'),
      ),
      /** `modal-key`: the key has two parts, `wk-ID.ws-SECRET`, which are sent in two headers. */
      header: z._default(
        z.enum(['authorization', 'x-api-key', 'api-key', 'modal-key']),
        'authorization',
      ),
      /** Text before the key; empty for the key alone. */
      scheme: z._default(z.string().check(z.regex(/^[A-Za-z-]{0,32}$/)), 'Bearer'),
    }),
  ),
  /** Pass the rank on as the engine's own priority; engines refuse it unless started for it. */
  priority: z.optional(z.enum(PRIORITY_STYLES)),
  coldStart: z.optional(coldStart),
  /** Request usage in streams where the client did not; off for servers that refuse the field. */
  includeUsage: z._default(z.boolean(), true),
  /** Tokens that its prefix cache holds; absent: learned from what its engine reports. */
  kvCacheTokens: z.optional(intWithin(1, 1_000_000_000)),
  /** Adapters that it holds at a time, as its engine was started for. */
  maxLoras: z._default(intWithin(1, 1_000), 1),
  /** It is a vLLM server that reports its own queue in a header on request. */
  loadMetrics: z._default(z.boolean(), false),
});

export type EndpointConfig = z.infer<typeof endpoint>;

/** The id of an endpoint within its backend: its name, or its URL. */
export function endpointId(config: EndpointConfig): string {
  return config.name ?? config.url;
}

const queue = z.strictObject({
  depth: z._default(intWithin(0, 100_000), 1_000),
  /** Most bytes of bodies that wait at a time; their Workers hold them in memory. */
  bytes: z._default(intWithin(0, 10_000_000_000), 1_000_000_000),
  maxWaitMs: z._default(milliseconds, 300_000),
  maxWaitColdMs: z._default(milliseconds, 600_000),
});

const timeouts = z.strictObject({
  firstByteMs: z._default(milliseconds, 120_000),
  idleMs: z._default(milliseconds, 60_000),
  totalMs: z._default(milliseconds, 900_000),
});

export const backend = z.strictObject({
  /** Models that it serves, by the names that clients use, and aliases of them. */
  models: z._default(z.array(modelEntry).check(z.maxLength(10_000)), []),
  endpoints: z.array(endpoint).check(z.minLength(1), z.maxLength(64)),
  /** Adapters (LoRA) of its first model, which the endpoints load when they are needed. */
  adapters: z._default(adapters, {}),
  lora: z.prefault(lora, {}),
  queue: z.prefault(queue, {}),
  whileCold: z._default(z.enum(['hold', 'send']), 'hold'),
  timeouts: z.prefault(timeouts, {}),
  /** Speed assumed until calls are measured, ms a token; absent: that of a usual GPU. */
  speed: z.optional(
    z.strictObject({
      inputMs: z.number().check(z.minimum(0)),
      outputMs: z.number().check(z.minimum(0.001)),
    }),
  ),
  /**
   * Replaces the tenant's settings field by field; the budget holds in addition to the tenant's.
   */
  prewarm: z.optional(prewarm),
  /** The backend that serves its calls where it cannot. */
  fallback: z.optional(name),
  /**
   * `prefer`: of the endpoints with a free slot, a call takes the one that has read most of its prompt
   * before. `hold`: it also waits for a busy one, while that is expected to be sooner. `off`: the
   * emptiest endpoint takes it.
   */
  affinity: z._default(z.enum(AFFINITIES), 'hold'),
  /** Whether isolates of the Worker may borrow slots while nobody waits. */
  lendSlots: z._default(z.boolean(), true),
  /** Wait after which a stream is begun and kept alive with comments. */
  queueCommentsAfterMs: z._default(milliseconds, 2_000),
  /**
   * Wait after which any model call's answer is begun and kept alive, so that a client that has
   * closed its connection is noticed; absent: a plain answer begins with its result.
   */
  keepAliveAfterMs: z.optional(milliseconds),
  /** Most requests without a slot (token counts) that run at one endpoint at a time. */
  sideCalls: z._default(intWithin(1, 100_000), 128),
});

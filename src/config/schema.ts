/**
 * The schema of a tenant's configuration, with all its defaults. Everything but the backends has a
 * default; unknown fields are refused, so that a misspelt one is not silently ignored. Code that
 * has a parsed configuration never checks for missing defaults. Checks across fields are in
 * `cross-check.ts`.
 */
import * as z from 'zod/mini';
import { AFFINITIES } from '../core/backends/backend-spec.ts';
import { POLICY_NAMES } from '../core/order/policies/registry.ts';
import { PRIORITY_STYLES } from '../endpoints/engine-priority.ts';
import { ENDPOINT_KINDS } from '../endpoints/registry.ts';
import { intWithin, numberWithin, textLike, textUpTo } from '../http/field-schemas.ts';
import { isName } from '../protocol/name.ts';
import { adapters, lora } from './adapter-settings.ts';
import { bodyLimits } from './body-limits.ts';
import { corsSettings } from './cors-settings.ts';
import { jobSettings } from './job-settings.ts';
import { rate } from './key-limits.ts';
import { modelEntry } from './model-entry.ts';
import { prewarm } from './prewarm-settings.ts';
import { CONFIG_FORMAT } from './upgrade.ts';

/** Longest configuration that is put or imported, bytes of JSON. */
export const MAX_CONFIG_BYTES = 1_000_000;
/** Most API keys of one tenant. */
export const MAX_KEYS = 1_000;

const name = textLike(
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
  'expected 1 to 64 letters, digits, ".", "_" or "-"',
);
const milliseconds = intWithin(1, 86_400_000);
/** A path on the endpoint's own host: two slashes would name another host. */
const hostPath = z
  .string()
  .check(
    z.maxLength(2048),
    z.regex(/^\/(?![/\\])[\x21-\x7e]*$/, 'expected a path that begins with one "/"'),
  );

export const TENANT_NAME = name;

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
        textLike(/^[\x21-\x7e]{1,4096}$/, 'expected 1 to 4096 printable characters without spaces'),
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

const backend = z.strictObject({
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

/** Limits for one API key in a minute; absent: no limit. */
const rateLimits = { requestsPerMinute: z.optional(rate), tokensPerMinute: z.optional(rate) };

/** A name, perhaps with a `*` for any end of it. */
const applicationName = z
  .string()
  .check(z.refine(isName, 'expected 1 to 128 printable characters'));

const keyHash = z.strictObject({
  id: name,
  /** SHA-256 of the API key, in hex. The key itself is never stored. */
  sha256: textLike(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits'),
  /** Replaces the tenant's limits field by field. */
  limits: z.optional(z.strictObject(rateLimits)),
  /**
   * Applications that the key may name, each by its name or by its beginning and a `*`; absent: any.
   */
  applications: z.optional(z.array(applicationName).check(z.minLength(1), z.maxLength(100))),
});

/** Whether and how deadlines of clients order their runs. */
const deadlines = {
  /** False: deadlines neither order nor refuse. */
  allowed: z.boolean(),
  /** A shorter deadline counts as one of this length, ms. */
  shortestMs: milliseconds,
};

const application = z.strictObject({
  weight: z._default(numberWithin(0.001, 1_000), 1),
  /** Ids of the API keys that may name the application; absent: any. */
  keys: z.optional(z.array(name).check(z.minLength(1), z.maxLength(MAX_KEYS))),
  /** Replaces the tenant's settings field by field. */
  deadlines: z.optional(
    z.strictObject({
      allowed: z.optional(deadlines.allowed),
      shortestMs: z.optional(deadlines.shortestMs),
    }),
  ),
});

const tenant = z.strictObject({
  /** Version of the configuration's format (`upgrade.ts`). */
  format: z.optional(z.literal(CONFIG_FORMAT)),
  backends: z.record(name, backend).check(
    z.refine((b) => Object.keys(b).length > 0, {
      message: 'expected at least one backend',
    }),
  ),
  policy: z._default(z.enum(POLICY_NAMES), 'gittins'),
  /** Weight of the arrival in the order: more bounds waits more tightly, 0 is the pure policy. */
  alpha: z._default(numberWithin(0, 100), 0.5),
  /** Settings by application. */
  applications: z._default(z.record(z.string(), application), {}),
  deadlines: z.prefault(
    z.strictObject({
      allowed: z._default(deadlines.allowed, true),
      shortestMs: z._default(deadlines.shortestMs, 1_000),
    }),
    {},
  ),
  prewarm: z.prefault(prewarm, {}),
  identity: z.prefault(
    z.strictObject({
      /**
       * Whether calls of several API keys that name one run are one run; false: a run belongs to the
       * key that named it, so that no key can join the run of another.
       */
      shareRuns: z._default(z.boolean(), true),
    }),
    {},
  ),
  limits: z.prefault(
    z.strictObject({
      ...bodyLimits,
      /** Most calls of one run that wait or run at a time. */
      runCalls: z._default(intWithin(1, 100_000), 1_000),
      /** Whether API keys share each backend's slots fairly. */
      fairKeys: z._default(z.boolean(), true),
      /** Share of a backend's queue that one API key may fill, where the tenant has several. */
      keyQueueShare: z._default(numberWithin(0.01, 1), 0.75),
      /** Most open runs of one API key; where it has as many, its longest idle one ends. */
      openRuns: z._default(intWithin(1, 100_000), 5_000),
      /** Most requests without a slot (token counts) of one API key that run at a time. */
      sideCalls: z._default(intWithin(1, 10_000), 32),
      ...rateLimits,
    }),
    {},
  ),
  /** Which pages of browsers may call. */
  cors: z.prefault(corsSettings, {}),
  /** Answers kept for calls with an `Idempotency-Key`. */
  idempotency: z.prefault(
    z.strictObject({
      /** Longest answer that is kept, bytes. */
      answerBytes: z._default(intWithin(0, 1_000_000), 262_144),
      lifetimeMs: z._default(milliseconds, 86_400_000),
      /** All answers of the tenant together, bytes; the oldest are dropped first. */
      totalBytes: z._default(intWithin(0, 10_000_000_000), 64_000_000),
    }),
    {},
  ),
  jobs: z.prefault(jobSettings, {}),
  /** Silence that ends a run, unless the application is known to pause longer. */
  runSilenceMs: z._default(milliseconds, 30_000),
  /** Time after which a lease expires unless its Worker renews it. */
  leaseMs: z._default(intWithin(5_000, 3_600_000), 90_000),
  /** Absent in a PUT: the API keys stay as they are. */
  keys: z.optional(z.array(keyHash).check(z.maxLength(MAX_KEYS))),
});

/** Parses a configuration as a client writes it. */
export const tenantSchema = tenant;

export type TenantConfig = z.infer<typeof tenant>;
export type KeyHash = z.infer<typeof keyHash>;
export type BackendConfig = TenantConfig['backends'][string];
export type EndpointConfig = BackendConfig['endpoints'][number];

/** The id of an endpoint within its backend: its name, or its URL. */
export function endpointId(config: EndpointConfig): string {
  return config.name ?? config.url;
}

/**
 * The schema of a tenant's configuration, with all its defaults. Everything but the backends has a
 * default; unknown fields are refused, so that a misspelt one is not silently ignored. Code that
 * has a parsed configuration never checks for missing defaults. Checks across fields are in
 * `cross-check.ts`.
 */
import * as z from 'zod';
import { AFFINITIES } from '../core/backends/backend-spec.ts';
import { POLICY_NAMES } from '../core/order/policies/registry.ts';
import { PRIORITY_STYLES } from '../endpoints/engine-priority.ts';
import { ENDPOINT_KINDS } from '../endpoints/registry.ts';
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

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'expected 1 to 64 letters, digits, ".", "_" or "-"');
const milliseconds = z.int().min(1).max(86_400_000);
/** A path on the endpoint's own host: two slashes would name another host. */
const hostPath = z
  .string()
  .max(2048)
  .regex(/^\/(?![/\\])[\x21-\x7e]*$/, 'expected a path that begins with one "/"');

export const TENANT_NAME = name;

const coldStart = z.strictObject({
  /** Assumed time from a wake to the answer, until wakes have been observed. */
  estimateMs: milliseconds.default(30_000),
  /** The platform's own idle timeout. */
  idleTimeoutMs: milliseconds.default(60_000),
  /** Pings that keep it warm are never closer than this; 6 s where absent. */
  leastPingMs: milliseconds.optional(),
  /** Path of a POST that wakes it, from the URL's root; absent: a one-token completion does. */
  wakePath: hostPath.optional(),
  /** Path of a POST that releases it; absent: only its platform lets it go cold. */
  releasePath: hostPath.optional(),
  /** Path of a GET that is answered 2xx once it is warm; absent: a completion of one token tells. */
  readyPath: hostPath.optional(),
  /** Few calls are admitted right after a wake, then more. */
  slowStart: z.boolean().default(true),
});

const endpoint = z.strictObject({
  /** Its name in headers and reports; the URL where absent. */
  name: name.optional(),
  url: z.string().max(2048),
  /** Calls that it serves at a time. */
  slots: z.int().min(1).max(100_000).default(8),
  /** The platform that it runs on. */
  kind: z.enum(ENDPOINT_KINDS).default('openai-generic'),
  /** Where the platform's management API reports its state (Baseten). */
  statusUrl: z.string().max(2048).optional(),
  /** Its key, in exactly one of `secret`, `value` and `sealed`, and how the key is sent. */
  auth: z
    .strictObject({
      /** Name of the Worker secret that contains the key. */
      secret: z
        .string()
        .regex(/^[A-Z][A-Z0-9_]{0,127}$/, 'expected the name of a Worker secret, as in GPU_KEY')
        .optional(),
      /** The key itself, in a PUT only: it is stored as `sealed`. */
      value: z
        .string()
        .regex(/^[\x21-\x7e]{1,4096}$/, 'expected 1 to 4096 printable characters without spaces')
        .optional(),
      /** The key, encrypted for this tenant, backend and host. */
      sealed: z
        .string()
        .regex(/^v1\.[\w-]{1,16}\.[\w-]{1,8192}$/, 'expected what a GET of the tenant shows')
        .optional(),
      /** `modal-key`: the key has two parts, `wk-ID.ws-SECRET`, which are sent in two headers. */
      header: z
        .enum(['authorization', 'x-api-key', 'api-key', 'modal-key'])
        .default('authorization'),
      /** Text before the key; empty for the key alone. */
      scheme: z
        .string()
        .regex(/^[A-Za-z-]{0,32}$/)
        .default('Bearer'),
    })
    .optional(),
  /** Pass the rank on as the engine's own priority; engines refuse it unless started for it. */
  priority: z.enum(PRIORITY_STYLES).optional(),
  coldStart: coldStart.optional(),
  /** Request usage in streams where the client did not; off for servers that refuse the field. */
  includeUsage: z.boolean().default(true),
  /** Tokens that its prefix cache holds; absent: learned from what its engine reports. */
  kvCacheTokens: z.int().min(1).max(1_000_000_000).optional(),
  /** Adapters that it holds at a time, as its engine was started for. */
  maxLoras: z.int().min(1).max(1_000).default(1),
  /** It is a vLLM server that reports its own queue in a header on request. */
  loadMetrics: z.boolean().default(false),
});

const queue = z.strictObject({
  depth: z.int().min(0).max(100_000).default(1_000),
  /** Most bytes of bodies that wait at a time; their Workers hold them in memory. */
  bytes: z.int().min(0).max(10_000_000_000).default(1_000_000_000),
  maxWaitMs: milliseconds.default(300_000),
  maxWaitColdMs: milliseconds.default(600_000),
});

const timeouts = z.strictObject({
  firstByteMs: milliseconds.default(120_000),
  idleMs: milliseconds.default(60_000),
  totalMs: milliseconds.default(900_000),
});

const backend = z.strictObject({
  /** Models that it serves, by the names that clients use, and aliases of them. */
  models: z.array(modelEntry).max(10_000).default([]),
  endpoints: z.array(endpoint).min(1).max(64),
  /** Adapters (LoRA) of its first model, which the endpoints load when they are needed. */
  adapters: adapters.default({}),
  lora: lora.prefault({}),
  queue: queue.prefault({}),
  whileCold: z.enum(['hold', 'send']).default('hold'),
  timeouts: timeouts.prefault({}),
  /** Speed assumed until calls are measured, ms a token; absent: that of a usual GPU. */
  speed: z.strictObject({ inputMs: z.number().min(0), outputMs: z.number().min(0.001) }).optional(),
  /**
   * Replaces the tenant's settings field by field; the budget holds in addition to the tenant's.
   */
  prewarm: prewarm.optional(),
  /** The backend that serves its calls where it cannot. */
  fallback: name.optional(),
  /**
   * `prefer`: of the endpoints with a free slot, a call takes the one that has read most of its prompt
   * before. `hold`: it also waits for a busy one, while that is expected to be sooner. `off`: the
   * emptiest endpoint takes it.
   */
  affinity: z.enum(AFFINITIES).default('hold'),
  /** Wait after which a stream is begun and kept alive with comments. */
  queueCommentsAfterMs: milliseconds.default(2_000),
  /**
   * Wait after which any model call's answer is begun and kept alive, so that a client that has
   * closed its connection is noticed; absent: a plain answer begins with its result.
   */
  keepAliveAfterMs: milliseconds.optional(),
  /** Most requests without a slot (token counts) that run at one endpoint at a time. */
  sideCalls: z.int().min(1).max(100_000).default(128),
});

/** Limits for one API key in a minute; absent: no limit. */
const rateLimits = { requestsPerMinute: rate.optional(), tokensPerMinute: rate.optional() };

/** A name, perhaps with a `*` for any end of it. */
const applicationName = z.string().refine(isName, 'expected 1 to 128 printable characters');

const keyHash = z.strictObject({
  id: name,
  /** SHA-256 of the API key, in hex. The key itself is never stored. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits'),
  /** Replaces the tenant's limits field by field. */
  limits: z.strictObject(rateLimits).optional(),
  /**
   * Applications that the key may name, each by its name or by its beginning and a `*`; absent: any.
   */
  applications: z.array(applicationName).min(1).max(100).optional(),
});

/** Whether and how deadlines of clients order their runs. */
const deadlines = {
  /** False: deadlines neither order nor refuse. */
  allowed: z.boolean(),
  /** A shorter deadline counts as one of this length, ms. */
  shortestMs: milliseconds,
};

const application = z.strictObject({
  weight: z.number().min(0.001).max(1_000).default(1),
  /** Ids of the API keys that may name the application; absent: any. */
  keys: z.array(name).min(1).max(MAX_KEYS).optional(),
  /** Replaces the tenant's settings field by field. */
  deadlines: z.strictObject(deadlines).partial().optional(),
});

const tenant = z.strictObject({
  /** Version of the configuration's format (`upgrade.ts`). */
  format: z.literal(CONFIG_FORMAT).optional(),
  backends: z.record(name, backend).refine((b) => Object.keys(b).length > 0, {
    message: 'expected at least one backend',
  }),
  policy: z.enum(POLICY_NAMES).default('gittins'),
  /** Weight of the arrival in the order: more bounds waits more tightly, 0 is the pure policy. */
  alpha: z.number().min(0).max(100).default(0.5),
  /** Settings by application. */
  applications: z.record(z.string(), application).default({}),
  deadlines: z
    .strictObject({
      allowed: deadlines.allowed.default(true),
      shortestMs: deadlines.shortestMs.default(1_000),
    })
    .prefault({}),
  prewarm: prewarm.prefault({}),
  identity: z
    .strictObject({
      /**
       * Whether calls of several API keys that name one run are one run; false: a run belongs to the
       * key that named it, so that no key can join the run of another.
       */
      shareRuns: z.boolean().default(true),
    })
    .prefault({}),
  limits: z
    .strictObject({
      ...bodyLimits,
      /** Most calls of one run that wait or run at a time. */
      runCalls: z.int().min(1).max(100_000).default(1_000),
      /** Whether API keys share each backend's slots fairly. */
      fairKeys: z.boolean().default(true),
      /** Share of a backend's queue that one API key may fill, where the tenant has several. */
      keyQueueShare: z.number().min(0.01).max(1).default(0.75),
      /** Most open runs of one API key; where it has as many, its longest idle one ends. */
      openRuns: z.int().min(1).max(100_000).default(5_000),
      /** Most requests without a slot (token counts) of one API key that run at a time. */
      sideCalls: z.int().min(1).max(10_000).default(32),
      ...rateLimits,
    })
    .prefault({}),
  /** Which pages of browsers may call. */
  cors: corsSettings.prefault({}),
  /** Answers kept for calls with an `Idempotency-Key`. */
  idempotency: z
    .strictObject({
      /** Longest answer that is kept, bytes. */
      answerBytes: z.int().min(0).max(1_000_000).default(262_144),
      lifetimeMs: milliseconds.default(86_400_000),
      /** All answers of the tenant together, bytes; the oldest are dropped first. */
      totalBytes: z.int().min(0).max(10_000_000_000).default(64_000_000),
    })
    .prefault({}),
  jobs: jobSettings.prefault({}),
  /** Silence that ends a run, unless the application is known to pause longer. */
  runSilenceMs: milliseconds.default(30_000),
  /** Time after which a lease expires unless its Worker renews it. */
  leaseMs: z.int().min(5_000).max(3_600_000).default(90_000),
  /** Absent in a PUT: the API keys stay as they are. */
  keys: z.array(keyHash).max(MAX_KEYS).optional(),
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

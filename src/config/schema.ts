/**
 * A tenant's configuration: its shape, all its defaults, and nothing else. Everything has a default
 * but the backends; unknown keys are refused, so that a misspelt one is not silently ignored. Code
 * behind this parse never asks whether a field is set.
 */
import { z } from 'zod';
import { POLICY_NAMES } from '../core/order/policies/registry.ts';
import { PRIORITY_STYLES } from '../endpoints/engine-priority.ts';
import { ENDPOINT_KINDS } from '../endpoints/registry.ts';
import { jobSettings } from './job-settings.ts';
import { prewarm } from './prewarm-settings.ts';
import { CONFIG_FORMAT } from './upgrade.ts';

/** Keys of one tenant. */
export const MAX_KEYS = 1_000;

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'expected 1 to 64 letters, digits, ".", "_" or "-"');
const milliseconds = z.int().min(1).max(86_400_000);
/** Of the endpoint's own host: two slashes would name another. */
const hostPath = z
  .string()
  .max(2048)
  .regex(/^\/(?![/\\])[\x21-\x7e]*$/, 'expected a path that begins with one "/"');

export const TENANT_NAME = name;

const coldStart = z.strictObject({
  /** Assumed time from wake to answer until wakes have been seen. */
  estimateMs: milliseconds.default(30_000),
  /** The platform's own idle timeout. */
  idleTimeoutMs: milliseconds.default(60_000),
  /** Path for a POST that wakes it, from the URL's root; without it a one-token completion does. */
  wakePath: hostPath.optional(),
  /** Path for a POST that has it go cold; without it nobody but its platform does. */
  releasePath: hostPath.optional(),
  /** Few calls are let in when it has just woken, then more. */
  slowStart: z.boolean().default(true),
});

const endpoint = z.strictObject({
  /** Names it in headers and reports; its URL where absent. */
  name: name.optional(),
  url: z.string().max(2048),
  /** Calls at a time. */
  slots: z.int().min(1).max(100_000).default(8),
  /** The platform that it runs on. */
  kind: z.enum(ENDPOINT_KINDS).default('openai-generic'),
  /** Where the platform's management API tells how it stands (Baseten). */
  statusUrl: z.string().max(2048).optional(),
  /** Its key and how it is sent: exactly one of `secret`, `value` and `sealed`. */
  auth: z
    .strictObject({
      /** Name of the Worker secret that holds it. */
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
      header: z.enum(['authorization', 'x-api-key', 'api-key']).default('authorization'),
      /** Before the key; empty for the key alone. */
      scheme: z
        .string()
        .regex(/^[A-Za-z-]{0,32}$/)
        .default('Bearer'),
    })
    .optional(),
  /** Pass the rank on as the engine's own priority; an engine that is not told so refuses it. */
  priority: z.enum(PRIORITY_STYLES).optional(),
  coldStart: coldStart.optional(),
  /** Ask for usage in streams where the client did not. Off for servers that refuse the field. */
  includeUsage: z.boolean().default(true),
  /** It is a vLLM that tells of its own queue in a header when it is asked to. */
  loadMetrics: z.boolean().default(false),
});

const queue = z.strictObject({
  depth: z.int().min(0).max(100_000).default(1_000),
  /** Bytes of bodies that may wait at a time: their Workers hold them in memory. */
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
  /** Models that it serves, as clients name them. */
  models: z.array(z.string().min(1).max(256)).default([]),
  endpoints: z.array(endpoint).min(1).max(64),
  queue: queue.prefault({}),
  whileCold: z.enum(['hold', 'send']).default('hold'),
  timeouts: timeouts.prefault({}),
  /** Speed assumed until calls have told, in ms a token; usual for one GPU where absent. */
  speed: z.strictObject({ inputMs: z.number().min(0), outputMs: z.number().min(0.001) }).optional(),
  /** Instead of the tenant's, field by field; the budget is beside the tenant's. */
  prewarm: prewarm.optional(),
  /** The backend that serves its calls while it cannot. */
  fallback: name.optional(),
  /** A stream that waits for so long is begun, and kept alive with comments. */
  queueCommentsAfterMs: milliseconds.default(10_000),
});

/** A minute, for one key; without limit where absent. */
const rate = z.int().min(1).max(1_000_000_000).optional();
const rateLimits = { requestsPerMinute: rate, tokensPerMinute: rate };

const keyHash = z.strictObject({
  id: name,
  /** SHA-256 of the key, in hex. The key itself is never stored. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits'),
  /** Instead of the tenant's, field by field. */
  limits: z.strictObject(rateLimits).optional(),
});

const tenant = z.strictObject({
  /** Of which form the configuration is (upgrade.ts). */
  format: z.literal(CONFIG_FORMAT).optional(),
  backends: z.record(name, backend).refine((b) => Object.keys(b).length > 0, {
    message: 'expected at least one backend',
  }),
  policy: z.enum(POLICY_NAMES).default('gittins'),
  /** Weight of arrival in the order: more bounds waits more tightly, 0 is the pure policy. */
  alpha: z.number().min(0).max(100).default(0.5),
  /** By application. */
  applications: z
    .record(z.string(), z.strictObject({ weight: z.number().min(0.001).max(1_000).default(1) }))
    .default({}),
  prewarm: prewarm.prefault({}),
  limits: z
    .strictObject({
      bodyBytes: z.int().min(1_024).max(100_000_000).default(10_000_000),
      /** Calls of one run that may wait or run at a time. */
      runCalls: z.int().min(1).max(100_000).default(1_000),
      ...rateLimits,
    })
    .prefault({}),
  /** Answers kept for calls with an `Idempotency-Key`. */
  idempotency: z
    .strictObject({
      /** Longest answer that is kept. */
      answerBytes: z.int().min(0).max(1_000_000).default(262_144),
      lifetimeMs: milliseconds.default(86_400_000),
      /** All answers of the tenant together; the oldest make room. */
      totalBytes: z.int().min(0).max(10_000_000_000).default(64_000_000),
    })
    .prefault({}),
  jobs: jobSettings.prefault({}),
  /** Silence after which a run has ended, for applications not known to pause longer. */
  runSilenceMs: milliseconds.default(30_000),
  /** Time that a granted slot lasts without a sign of life from its Worker. */
  leaseMs: z.int().min(5_000).max(3_600_000).default(90_000),
  /** Absent in a PUT: the keys stay as they are. */
  keys: z.array(keyHash).max(MAX_KEYS).optional(),
});

/** As a client writes it. */
export const tenantSchema = tenant;

export type TenantConfig = z.infer<typeof tenant>;
export type KeyHash = z.infer<typeof keyHash>;
export type BackendConfig = TenantConfig['backends'][string];
export type EndpointConfig = BackendConfig['endpoints'][number];

/** An endpoint's name within its backend. */
export function endpointId(config: EndpointConfig): string {
  return config.name ?? config.url;
}

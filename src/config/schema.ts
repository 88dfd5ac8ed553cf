/**
 * The schema of a tenant's configuration, with all its defaults: its API keys, applications and limits
 * here, a backend in `backend-settings.ts`. Everything but the backends has a default; unknown fields
 * are refused, so that a misspelt one is not silently ignored. Code that has a parsed configuration
 * never checks for missing defaults. Checks across fields are in `cross-check.ts`.
 */
import * as z from 'zod/mini';
import { POLICY_NAMES } from '../core/order/policies/registry.ts';
import { intWithin, numberWithin, textLike } from '../http/field-schemas.ts';
import { isName } from '../protocol/name.ts';
import { backend } from './backend-settings.ts';
import { bodyLimits } from './body-limits.ts';
import { corsSettings } from './cors-settings.ts';
import { jobSettings } from './job-settings.ts';
import { rate } from './key-limits.ts';
import { prewarm } from './prewarm-settings.ts';
import { milliseconds, name } from './setting-kinds.ts';
import { CONFIG_FORMAT } from './upgrade.ts';

/** Longest configuration that is put or imported, bytes of JSON. */
export const MAX_CONFIG_BYTES = 1_000_000;
/** Most API keys of one tenant. */
export const MAX_KEYS = 1_000;

export const TENANT_NAME = name;

/** Limits for one API key in a minute; absent: no limit. */
const rateLimits = { requestsPerMinute: z.optional(rate), tokensPerMinute: z.optional(rate) };

/** A name, perhaps with a `*` for any end of it. */
const applicationName = z
  .string()
  .check(z.refine(isName, 'expected 1 to 128 printable ASCII characters'));

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

/**
 * Reads a cluster file: the backends, their endpoints, speed and prefix caches, and their cold starts
 * and idle timeouts.
 */
import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { pathText } from '../../src/http/problem.ts';
import type { PlatformSettings } from './platform.ts';
import type { Cluster } from './sim-backend.ts';
import { InputError } from './trace.ts';

export type { Cluster, SimBackend } from './sim-backend.ts';

const ms = z.number().min(0);

const span = z.tuple([ms, ms]).refine(([from, until]) => from < until, 'expected [from, until]');

/** How the platform behaves where that is not what the dispatcher is configured with. */
const platform = z.strictObject({
  idle_timeout_ms: ms.nullable().optional(),
  cold_starts_ms: z.array(ms).min(1).optional(),
  while_loading: z
    .enum(['hold', '503', '502', '504', '500', '400', '404', 'refused'])
    .default('hold'),
  flaps: z.array(span).default([]),
});

const slots = z.int().min(1).nullable();
const MOST_ENDPOINTS = 1_000;
/** Tokens of a block of a prefix cache. */
const BLOCK_TOKENS = 512;

/** Without an idle timeout, a backend that has been warm once stays warm. */
const backend = z
  .strictObject({
    slots: slots.optional(),
    endpoints: z
      .union([z.int().min(1).max(MOST_ENDPOINTS), z.array(slots).min(1).max(MOST_ENDPOINTS)])
      .optional(),
    kv_cache_tokens: z.number().min(0).optional(),
    kv_block_tokens: z.int().min(1).optional(),
    prewarm_prefix: z.boolean().default(false),
    prefill_ms_per_token: ms.optional(),
    decode_ms_per_token: ms.optional(),
    cold_start_ms: ms.optional(),
    idle_timeout_ms: ms.optional(),
    platform: platform.optional(),
  })
  .refine(({ platform, cold_start_ms }) => !platform || cold_start_ms !== undefined, {
    path: ['cold_start_ms'],
    message: "expected beside platform: the dispatcher's estimate of a start",
  })
  .refine(({ slots, endpoints }) => slots !== undefined || Array.isArray(endpoints), {
    path: ['slots'],
    message: 'expected a number of 1 or more, or null for no limit',
  });

type BackendFields = z.infer<typeof backend>;

const cluster = z.strictObject({ backends: z.record(z.string(), backend) });

export async function readCluster(file: string): Promise<Cluster> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new InputError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return parseCluster(json, file);
}

export function parseCluster(json: unknown, file: string): Cluster {
  const parsed = cluster.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = pathText(issue?.path ?? []);
    throw new InputError(`${file}: ${field === '' ? 'the cluster' : field}: ${issue?.message}`);
  }
  return new Map(
    Object.entries(parsed.data.backends).map(([name, b]) => [
      name,
      {
        slots: b.slots ?? null,
        ...endpointsOf(b),
        ...cacheOf(b),
        ...(b.prewarm_prefix ? { readsPrefixes: true } : {}),
        measuresTokens: b.decode_ms_per_token !== undefined,
        prefillMsPerToken: b.prefill_ms_per_token ?? 0,
        decodeMsPerToken: b.decode_ms_per_token ?? 0,
        ...(b.cold_start_ms === undefined ? {} : { coldStartMs: b.cold_start_ms }),
        ...(b.idle_timeout_ms === undefined ? {} : { idleTimeoutMs: b.idle_timeout_ms }),
        ...(b.platform ? { platform: platformOf(b, b.platform) } : {}),
      },
    ]),
  );
}

function endpointsOf({ slots = null, endpoints }: BackendFields) {
  if (endpoints === undefined) return {};
  if (typeof endpoints !== 'number') return { endpointSlots: endpoints };
  return { endpointSlots: new Array<number | null>(endpoints).fill(slots) };
}

function cacheOf({ kv_cache_tokens, kv_block_tokens = BLOCK_TOKENS }: BackendFields) {
  return { cache: { tokens: kv_cache_tokens ?? Infinity, blockTokens: kv_block_tokens } };
}

/** What the file does not say of the platform is as configured. */
function platformOf(
  { cold_start_ms = 0, idle_timeout_ms = Infinity }: BackendFields,
  p: NonNullable<BackendFields['platform']>,
): PlatformSettings {
  return {
    idleTimeoutMs: p.idle_timeout_ms === null ? Infinity : (p.idle_timeout_ms ?? idle_timeout_ms),
    coldStartsMs: p.cold_starts_ms ?? [cold_start_ms],
    whileLoading: p.while_loading,
    flaps: p.flaps,
  };
}

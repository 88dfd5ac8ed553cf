/** Wakes an endpoint of a tenant, or has it go cold, for the tenant's object. */
import type { TenantConfig } from '../config/schema.ts';
import type { PingOrder } from '../protocol.ts';
import type { WakeResult } from './adapter.ts';
import { openaiGeneric } from './openai-generic.ts';
import { addressOf, targetOf, wakePatienceMs } from './target.ts';

const RELEASE_PATIENCE_MS = 30_000;
const NOT_WOKEN: WakeResult = { ok: false, tookMs: 0 };

/** Resolves when the endpoint has served, or when it is clear that it will not. */
export async function wakeEndpoint(
  config: TenantConfig,
  { backend, endpoint, patienceMs }: PingOrder,
  secrets: Readonly<Record<string, unknown>>,
): Promise<WakeResult> {
  const address = addressOf(config, backend, endpoint);
  const found = address && targetOf(address, secrets);
  if (!found?.ok) return NOT_WOKEN;
  const patience = patienceMs ?? wakePatienceMs(config, backend, endpoint);
  return openaiGeneric.wake(found.target, patience);
}

/** Has an endpoint go cold; false where it could not be told. */
export async function releaseEndpoint(
  config: TenantConfig,
  { backend, endpoint }: PingOrder,
  secrets: Readonly<Record<string, unknown>>,
): Promise<boolean> {
  const address = addressOf(config, backend, endpoint);
  const found = address && targetOf(address, secrets);
  if (!found?.ok) return false;
  return (await openaiGeneric.release?.(found.target, RELEASE_PATIENCE_MS)) ?? false;
}

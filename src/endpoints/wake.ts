/** Wakes an endpoint of a tenant, from the object (alarm, demand) or from the cron alike. */
import type { TenantConfig } from '../config/schema.ts';
import type { PingOrder } from '../protocol.ts';
import type { WakeResult } from './adapter.ts';
import { openaiGeneric } from './openai-generic.ts';
import { addressOf, targetOf, wakePatienceMs } from './target.ts';

const NOT_WOKEN: WakeResult = { ok: false, tookMs: 0 };

/** Resolves when the endpoint has served, or when it is clear that it will not. */
export async function wakeEndpoint(
  config: TenantConfig,
  { backend, endpoint }: PingOrder,
  secrets: Readonly<Record<string, unknown>>,
): Promise<WakeResult> {
  const address = addressOf(config, backend, endpoint);
  const found = address && targetOf(address, secrets);
  if (!found?.ok) return NOT_WOKEN;
  return openaiGeneric.wake(found.target, wakePatienceMs(config, backend, endpoint));
}

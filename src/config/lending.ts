/**
 * Which backends lend their free slots to isolates of the Worker (core/dispatch/loans.ts). One rule for
 * both sides: an isolate asks for slots where the tenant's object would lend them.
 */
import { prewarmOf } from './prewarm-settings.ts';
import type { BackendConfig, TenantConfig } from './schema.ts';

/**
 * True where a call may begin at any endpoint of the backend, with nothing to be chosen, ranked, loaded
 * or read for it: by one endpoint, or several of which any will do.
 */
export function lendsSlots(backend: BackendConfig, { prewarm }: TenantConfig): boolean {
  const { endpoints, affinity, adapters, lendSlots } = backend;
  if (!lendSlots || (endpoints.length > 1 && affinity !== 'off')) return false;
  if (Object.keys(adapters).length > 0 || endpoints.some(({ priority }) => priority)) return false;
  return !prewarmOf(prewarm, backend.prewarm).prefix;
}

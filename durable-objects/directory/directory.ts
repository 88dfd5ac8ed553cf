/**
 * A shard of the directory: which tenants want a forecast, and when. It is written a few times an
 * hour for a tenant and read once a minute by the cron, so itty-durable's whole-value persistence
 * fits. It has no alarm (itty-durable would run it on unloaded state) and no secrets, and no call
 * depends on it. If it is lost, the tenants' next calls fill it again. Callers use
 * directory-client.ts.
 */
import { createDurable } from 'itty-durable/itty-durable.js';

/** Most tenants of a shard: its whole state is one stored value, which may hold 2 MB. */
const MAX_TENANTS = 10_000;

export interface DueTenant {
  readonly tenant: string;
  readonly dueAt: number;
}

export class TenantDirectory extends createDurable({ autoPersist: true }) {
  /** Epoch ms of the next forecast, by tenant. Public because itty-durable stores public fields. */
  dueAtByTenant: Record<string, number> = {};

  /** Schedules a tenant for `dueAt` (epoch ms), unless it is already due earlier. */
  announce(tenant: string, dueAt: number): DueTenant {
    const scheduled = Object.hasOwn(this.dueAtByTenant, tenant)
      ? this.dueAtByTenant[tenant]
      : undefined;
    const next = scheduled === undefined ? dueAt : Math.min(scheduled, dueAt);
    if (scheduled !== undefined || Object.keys(this.dueAtByTenant).length < MAX_TENANTS) {
      this.dueAtByTenant[tenant] = next;
    }
    return { tenant, dueAt: next };
  }

  /** Sets the next forecast of scheduled tenants; null removes one until it announces itself. */
  reschedule(next: ReadonlyArray<readonly [string, number | null]>): number {
    for (const [tenant, dueAt] of next) {
      if (dueAt === null) delete this.dueAtByTenant[tenant];
      else if (Object.hasOwn(this.dueAtByTenant, tenant)) this.dueAtByTenant[tenant] = dueAt;
    }
    return next.length;
  }

  /** Takes at most `most` tenants whose forecast is due; they are due again at `againAt`. */
  take(now: number, againAt: number, most: number): { tenants: string[]; more: boolean } {
    const due = Object.keys(this.dueAtByTenant).filter(
      (tenant) => (this.dueAtByTenant[tenant] ?? Infinity) <= now,
    );
    const tenants = due.slice(0, most);
    for (const tenant of tenants) this.dueAtByTenant[tenant] = againAt;
    return { tenants, more: due.length > tenants.length };
  }
}

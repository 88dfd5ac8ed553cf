/**
 * The directory of tenants that want a forecast, and when. It is written a few times an hour for a
 * tenant and read once a minute by the cron, so itty-durable's whole-value persistence fits. No
 * alarms here (itty-durable's would run on unloaded state), no secrets, nothing on a call's path; if
 * it is lost, the tenants' next calls fill it again.
 */
import { createDurable } from 'itty-durable';

/** Tenants of one shard; its whole state is one stored value, which may hold 2 MB. */
const MAX_TENANTS = 10_000;

export interface DueTenant {
  readonly tenant: string;
  readonly dueAt: number;
}

export class TenantDirectory extends createDurable({ autoPersist: true }) {
  /** Epoch ms of the next forecast, by tenant. Public, since itty-durable stores public fields. */
  dueAtByTenant: Record<string, number> = {};

  /** The tenant wants a forecast at this time, or sooner if it had said so. */
  announce(tenant: string, dueAt: number): DueTenant {
    const known = Object.hasOwn(this.dueAtByTenant, tenant)
      ? this.dueAtByTenant[tenant]
      : undefined;
    const next = known === undefined ? dueAt : Math.min(known, dueAt);
    if (known !== undefined || Object.keys(this.dueAtByTenant).length < MAX_TENANTS) {
      this.dueAtByTenant[tenant] = next;
    }
    return { tenant, dueAt: next };
  }

  /** When tenants want their next forecast, or none: they are asked again when they say so. */
  reschedule(next: ReadonlyArray<readonly [string, number | null]>): number {
    for (const [tenant, dueAt] of next) {
      if (dueAt === null) delete this.dueAtByTenant[tenant];
      else if (Object.hasOwn(this.dueAtByTenant, tenant)) this.dueAtByTenant[tenant] = dueAt;
    }
    return next.length;
  }

  /** Tenants whose forecast is due, `most` at a time; they are due again at `againAt`. */
  take(now: number, againAt: number, most: number): { tenants: string[]; more: boolean } {
    const due = Object.keys(this.dueAtByTenant).filter(
      (tenant) => (this.dueAtByTenant[tenant] ?? Infinity) <= now,
    );
    const tenants = due.slice(0, most);
    for (const tenant of tenants) this.dueAtByTenant[tenant] = againAt;
    return { tenants, more: due.length > tenants.length };
  }
}

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

  /** The tenant's next forecast, or none: it is asked again when it announces itself. */
  reschedule(tenant: string, dueAt: number | null): DueTenant | null {
    if (dueAt === null) delete this.dueAtByTenant[tenant];
    else this.dueAtByTenant[tenant] = dueAt;
    return dueAt === null ? null : { tenant, dueAt };
  }

  /** Tenants whose forecast is due. */
  due(now: number): DueTenant[] {
    return Object.entries(this.dueAtByTenant)
      .filter(([, dueAt]) => dueAt <= now)
      .map(([tenant, dueAt]) => ({ tenant, dueAt }));
  }
}

/**
 * `GET /metrics?tenant=NAME`: costs and benefits of prewarming, and what API keys hold, in the
 * text format of Prometheus, with the administrator's token. Tenants are named (`tenant` may be repeated), since asking all of
 * them would start all their objects. Labels are bounded: the requested tenants and their backends.
 */
import { Hono } from 'hono';
import * as z from 'zod';
import type { AppEnv } from '../auth/app-env.ts';
import { authenticateAdmin } from '../auth/auth.ts';
import { type HeldOfKey, heldOfKeys } from '../calls/client-body.ts';
import { TENANT_NAME } from '../config/schema.ts';
import { type ApiError, errorResponse } from '../http/errors.ts';
import { askTenant } from '../objects/ask-object.ts';

const MAX_TENANTS = 20;

const tenantMetrics = z.array(
  z.object({
    name: z.string(),
    type: z.string(),
    help: z.string(),
    samples: z.array(z.object({ labels: z.array(z.string()), value: z.number() })),
  }),
);

type TenantMetrics = z.infer<typeof tenantMetrics>;

export const metrics = new Hono<AppEnv>().get('/metrics', async (c) => {
  const refuse = (error: ApiError) => errorResponse(error, { 'x-request-id': c.get('requestId') });
  const auth = await authenticateAdmin(c.req.raw.headers, c.env.ADMIN_TOKEN);
  if (!auth.ok) return refuse(auth.error);
  const names = [...new Set(c.req.queries('tenant') ?? [])];
  const valid = names.every((name) => TENANT_NAME.safeParse(name).success);
  if (!valid || names.length === 0 || names.length > MAX_TENANTS) {
    const message = `Expected ?tenant=NAME, at most ${MAX_TENANTS} times.`;
    return refuse({ code: 'invalid_request_error', param: 'tenant', message });
  }
  const metricsOfTenants = await Promise.all(
    names.map(async (tenant) => {
      const text = await askTenant(c.env, tenant, (stub) => stub.view('metrics'));
      if (text === undefined) return [];
      const ofObject = tenantMetrics.parse(JSON.parse(text));
      return labelled(tenant, [...ofObject, ...heldMetrics(tenant)]);
    }),
  );
  return c.body(exposition(metricsOfTenants.flat()), 200, {
    'content-type': 'text/plain; version=0.0.4',
  });
});

/** What the Worker that answers holds: each counts for itself. */
function heldMetrics(tenant: string): TenantMetrics {
  const held = heldOfKeys(tenant);
  const gauge = (name: string, help: string, of: (key: HeldOfKey) => number) => ({
    name,
    type: 'gauge',
    help,
    samples: held.map((key) => ({ labels: [`key="${key.key}"`], value: of(key) })),
  });
  return [
    gauge('talaria_bodies_in_hand', 'Bodies that this Worker holds.', (k) => k.bodies),
    gauge('talaria_body_bytes_in_hand', 'Bytes of these bodies.', (k) => k.bodyBytes),
    gauge('talaria_uploads', 'Bodies that this Worker relays.', (k) => k.uploads),
  ];
}

function labelled(tenant: string, metricsOfTenants: TenantMetrics): TenantMetrics {
  return metricsOfTenants.map((metric) => ({
    ...metric,
    samples: metric.samples.map(({ labels, value }) => ({
      labels: [`tenant="${tenant}"`, ...labels],
      value,
    })),
  }));
}

/** The text format: all samples of a metric together, after its help and its type. */
function exposition(metricsOfTenants: TenantMetrics): string {
  const byName = Map.groupBy(metricsOfTenants, (metric) => metric.name);
  return [...byName]
    .map(([name, metrics]) => {
      const samples = metrics.flatMap((metric) => metric.samples);
      const lines = samples.map(({ labels, value }) => `${name}{${labels.join(',')}} ${value}\n`);
      const head = `# HELP ${name} ${metrics[0]?.help}\n# TYPE ${name} ${metrics[0]?.type}\n`;
      return head + lines.join('');
    })
    .join('');
}

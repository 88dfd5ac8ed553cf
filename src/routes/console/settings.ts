/**
 * The console's settings: the configuration with its versions, API keys, weights of applications,
 * orders to endpoints, and the audit log. Everybody who may see the tenant reads; only the
 * administrator changes, and reads who changed what. Mount it after `consoleAuth`.
 */

import type { Context } from 'hono';
import * as z from 'zod/mini';
import { documentOf, noTenant, refuseConfig, steer } from '../../auth/admin-tenant.ts';
import { conflictResponse, readVersion, versionTag } from '../../auth/config-change.ts';
import { adminOnly, type ConsoleEnv } from '../../auth/console-caller.ts';
import { acceptConfig } from '../../auth/incoming-config.ts';
import { withHiddenKeys, withShownKeys } from '../../auth/seal-config.ts';
import {
  auditCursor,
  limitKey,
  makeKey,
  orderEndpoint,
  readJson,
  revokeKey,
} from '../../auth/tenant-steering.ts';
import { keyLimitsSchema } from '../../config/key-limits.ts';
import { MAX_CONFIG_BYTES } from '../../config/schema.ts';
import { errorResponse, invalidRequest } from '../../http/errors.ts';
import { numberWithin } from '../../http/field-schemas.ts';
import { Hono } from '../../http/hono.ts';
import { nameOfPart } from '../../protocol/console/path-part.ts';
import { type ConfigView, HIDDEN } from '../../protocol/console/settings.ts';
import { isName } from '../../protocol/name.ts';
import type { TenantDocument } from '../../protocol/tenant.ts';
import { answerView, viewJson } from './tenant-views.ts';

type Ctx = Context<ConsoleEnv, string>;

const json = z.record(z.string(), z.unknown());
const configPut = z.strictObject({ config: json, undoes: z.optional(z.int().check(z.minimum(0))) });
const weightOrder = z.strictObject({
  weight: z.nullable(numberWithin(0.001, 1_000)),
});
const storedVersions = z.object({ rows: z.array(z.looseObject({ config: json })) });

const by = (c: Ctx) => c.get('caller').name;

export const consoleSettings = new Hono<ConsoleEnv>()
  .get('/tenants/:tenant/config', async (c) => {
    const document = await documentOf(c);
    if (!document) return noTenant();
    return c.json(shown(document), 200, { etag: versionTag(document.version) });
  })
  .put('/tenants/:tenant/config', adminOnly, putConfig)
  .get('/tenants/:tenant/config-schema', async (c) => {
    const found = await c.env.ASSETS.fetch('https://assets/config-schema.json');
    if (!found.ok) return errorResponse({ code: 'not_found' });
    return new Response(found.body, { headers: { 'content-type': 'application/json' } });
  })
  .get('/tenants/:tenant/config/versions', async (c) => {
    const reply = await viewJson(c, { type: 'versions' });
    if (!reply.ok) return errorResponse(reply.error);
    const { rows } = storedVersions.parse(JSON.parse(reply.json));
    const hidden = rows.map((row) => ({ ...row, config: withHiddenKeys(row.config, HIDDEN) }));
    return c.json({ rows: hidden });
  })
  .get('/tenants/:tenant/keys', (c) => answerView(c, { type: 'keys' }))
  .post('/tenants/:tenant/keys', adminOnly, makeLimitedKey)
  .put('/tenants/:tenant/keys/:id', adminOnly, (c) => limitKey(c, c.req.param('id'), by(c)))
  .delete('/tenants/:tenant/keys/:id', adminOnly, (c) => revokeKey(c, c.req.param('id'), by(c)))
  .put('/tenants/:tenant/applications/:app/weight', adminOnly, setWeight)
  .post('/tenants/:tenant/endpoints/:backend/:endpoint/:order', adminOnly, (c) => {
    const { backend, endpoint, order } = c.req.param();
    const named = { backend: nameOfPart(backend), endpoint: nameOfPart(endpoint), order };
    return orderEndpoint(c, named, by(c));
  })
  .get('/tenants/:tenant/audit', adminOnly, (c) => {
    const after = auditCursor(c.req.query('after'));
    return after.ok
      ? answerView(c, { type: 'audit', ...after.cursor })
      : errorResponse(after.error);
  });

/** Saves a configuration, if the one that the page has read is still the present one. */
async function putConfig(c: Context<ConsoleEnv, '/tenants/:tenant/config'>): Promise<Response> {
  const read = readVersion(c.req.header('if-match'));
  if (!read.ok) return errorResponse(read.error);
  const { version } = read;
  if (version === undefined) {
    const message = 'Expected If-Match with the version that was read.';
    return invalidRequest({ param: 'if-match', message });
  }
  const body = await readJson(c, configPut, MAX_CONFIG_BYTES + 1_000);
  if (!body.ok) return errorResponse(body.error);
  const { config, undoes } = body.value;
  const stored = await storedConfigs(c, undoes);
  if (!stored.ok) return stored.refused;
  const accepted = await acceptConfig(
    withShownKeys(config, HIDDEN, stored.configs),
    c.req.param('tenant'),
    c.env,
  );
  if (!accepted.ok) return refuseConfig(accepted.problems);
  const undone = undoes === undefined ? {} : { undoes };
  const order = { type: 'config', config: accepted.text, ifVersion: version, ...undone } as const;
  const answer = await steer(c, order, by(c));
  if (answer.status === 'conflict') return conflictResponse(c, answer.document, shown);
  if (answer.status !== 'changed') {
    return errorResponse({ code: answer.status === 'refused' ? answer.code : 'tenant_not_found' });
  }
  const { document } = answer;
  return c.json(shown(document), 200, { etag: versionTag(document.version) });
}

/** The configurations that hidden keys are taken from: first that of the version that is put back. */
async function storedConfigs(
  c: Ctx,
  undoes: number | undefined,
): Promise<
  | { readonly ok: true; readonly configs: Array<Record<string, unknown>> }
  | { readonly ok: false; readonly refused: Response }
> {
  const present = await documentOf(c);
  if (!present) return { ok: false, refused: noTenant() };
  if (undoes === undefined) return { ok: true, configs: [present.config] };
  const reply = await viewJson(c, { type: 'version', version: undoes });
  if (!reply.ok) return { ok: false, refused: errorResponse(reply.error) };
  const older = z.object({ config: json }).parse(JSON.parse(reply.json));
  return { ok: true, configs: [older.config, present.config] };
}

async function makeLimitedKey(c: Context<ConsoleEnv, '/tenants/:tenant/keys'>): Promise<Response> {
  const limits = await readJson(c, keyLimitsSchema);
  if (!limits.ok) return errorResponse(limits.error);
  return makeKey(c, limits.value, by(c));
}

async function setWeight(
  c: Context<ConsoleEnv, '/tenants/:tenant/applications/:app/weight'>,
): Promise<Response> {
  const app = nameOfPart(c.req.param('app'));
  if (!isName(app) || app === '__proto__') {
    return invalidRequest({ param: 'app' });
  }
  const order = await readJson(c, weightOrder);
  if (!order.ok) return errorResponse(order.error);
  const answer = await steer(c, { type: 'weight', app, ...order.value }, by(c));
  return answer.status === 'refused' ? errorResponse({ code: answer.code }) : c.body(null, 204);
}

function shown({ version, config }: TenantDocument): ConfigView {
  return { version, config: withHiddenKeys(config, HIDDEN) };
}

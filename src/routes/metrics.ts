/**
 * `GET /metrics`, in the text format of Prometheus. With the administrator's token: of the tenants in
 * `tenant` (it may be repeated), whose objects are asked, or of all tenants, from the register that
 * their objects bring their figures to, so that none is woken. With a tenant's key: of that tenant.
 * An object that does not answer costs its own samples (`talaria_up` is 0) and no others.
 */
import type { Context } from 'hono';
import * as z from 'zod/mini';
import type { AppEnv } from '../auth/app-env.ts';
import { authenticateAdmin } from '../auth/auth.ts';
import { chargeRequest } from '../auth/live-key.ts';
import { heldOfKeys } from '../calls/client-body.ts';
import { TENANT_NAME } from '../config/schema.ts';
import { errorResponse, invalidRequest, type Outcome, wrongInput } from '../http/errors.ts';
import { Hono } from '../http/hono.ts';
import { type Hand, InHand } from '../http/in-hand.ts';
import { CONTENT_TYPE, exposition, type Source } from '../metrics/exposition.ts';
import { HELP_ASSET, type Help } from '../metrics/help.ts';
import { askTenant } from '../objects/ask-object.ts';
import {
  figuresFromRegister,
  metricsInTime,
  registeredFigures,
} from '../objects/metrics-register.ts';
import {
  type Figures,
  type FiguresOf,
  linesOf,
  METRICS_SHARDS,
  type Sample,
} from '../protocol/metrics.ts';
import { clientsOnly, tenantAuth } from './tenant-auth.ts';

const MAX_TENANTS = 20;
/** Most lines of an answer with all tenants. */
const MAX_LINES = 150_000;
/** What a line takes in memory on its way, about, and what all scrapes of an isolate may take. */
const LINE_BYTES = 128;
const MOST_BYTES = 48_000_000;
/** Figures in the register that are older than this are of an object that rests, ms. */
const RESTING_MS = 300_000;

/** The samples are checked where they are written. */
const figuresSchema = z.object({
  startedAt: z.number(),
  at: z.number(),
  samples: z.record(z.string(), z.array(z.custom<Sample>(Array.isArray))),
});

const scrapes = new InHand('scrapes');

interface Found {
  readonly of: FiguresOf;
  readonly figures: Figures;
}

/** What was found for an answer. */
interface Scraped {
  readonly tenants: ReadonlyMap<string, readonly Found[]>;
  /** The objects themselves were asked. */
  readonly isLive: boolean;
  readonly more?: Source;
}

export const metrics = new Hono<AppEnv>()
  .use('/metrics', async (c, next) => {
    const auth = await authenticateAdmin(c.req.raw.headers, c.env.ADMIN_TOKEN);
    if (!auth.ok) return next();
    const asked = askedFor(c);
    if (!asked.ok) return errorResponse(asked.error);
    const { tenants, shards } = asked;
    return answer(c, '/admin', (hand) =>
      tenants ? named(c.env, tenants, hand) : all(c.env, shards, hand),
    );
  })
  .get('/metrics', tenantAuth, clientsOnly, chargeRequest, (c) => {
    const { tenant } = c.get('tenant');
    const others = (c.req.queries('tenant') ?? []).filter((name) => name !== tenant);
    if (others.length > 0 || c.req.query('shard') !== undefined) {
      const message = 'The key of a tenant shows that tenant: leave out "tenant" and "shard".';
      return invalidRequest({ param: 'tenant', message });
    }
    return answer(c, tenant, (hand) => named(c.env, [tenant], hand));
  });

function askedFor(
  c: Context<AppEnv>,
): Outcome<{ tenants?: readonly string[]; shards?: readonly number[] }> {
  const tenants = [...new Set(c.req.queries('tenant') ?? [])];
  const isName = (name: string) => TENANT_NAME.safeParse(name).success;
  if (tenants.length > MAX_TENANTS || !tenants.every(isName)) {
    const message = `Expected ?tenant=NAME, at most ${MAX_TENANTS} times.`;
    return wrongInput({ param: 'tenant', message });
  }
  if (tenants.length > 0) return { ok: true, tenants };
  const shard = c.req.query('shard');
  if (shard === undefined) return { ok: true };
  if (/^\d{1,2}$/.test(shard) && Number(shard) < METRICS_SHARDS) {
    return { ok: true, shards: [Number(shard)] };
  }
  const message = `Expected a number from 0 to ${METRICS_SHARDS - 1}.`;
  return wrongInput({ param: 'shard', message });
}

/** Answers with what was found, within the memory that scrapes may take. */
async function answer(
  c: Context<AppEnv>,
  owner: string,
  find: (hand: Hand) => Promise<Outcome<Scraped>>,
): Promise<Response> {
  const taken = scrapes.take(owner, { count: 100, bytes: Infinity }, MOST_BYTES);
  if (!taken.ok) return errorResponse(taken.error);
  const { hand } = taken;
  // The runtime stops a Worker whose client has left without notice: what it held would count for ever.
  c.executionCtx.waitUntil(hand.released);
  try {
    const found = await find(hand);
    if (!found.ok) return errorResponse(found.error);
    const text = exposition(sourcesOf(found), await helpOf(c.env));
    return c.body(text, 200, { 'content-type': CONTENT_TYPE });
  } finally {
    hand.release();
  }
}

/** What this isolate has read of it. */
let help: Help | undefined;

/** The help of metrics; nothing where it cannot be read, since figures do without it. */
async function helpOf(env: Env): Promise<Partial<Help>> {
  if (help) return help;
  const asset = await env.ASSETS.fetch(`https://assets/${HELP_ASSET}`).catch(() => undefined);
  if (!asset?.ok) return {};
  help = await asset.json<Help>();
  return help;
}

/** Asks the objects of tenants, and the register for what their jobs' objects have brought. */
async function named(env: Env, tenants: readonly string[], hand: Hand): Promise<Outcome<Scraped>> {
  const [registered, texts] = await Promise.all([
    figuresFromRegister(env, tenants),
    Promise.all(
      tenants.map((tenant) =>
        metricsInTime(() => askTenant(env, tenant, (stub) => stub.figures())),
      ),
    ),
  ]);
  const found = new Map<string, Found[]>();
  for (const [i, tenant] of tenants.entries()) {
    const ofJobs = registered.filter((f) => f.tenant === tenant && f.of === 'jobs');
    const ofTenant = { of: 'tenant', text: texts[i] } as const;
    const figures = [ofTenant, ...ofJobs].flatMap(parsed);
    found.set(tenant, figures);
    const lines = figures.reduce((sum, f) => sum + linesOf(f.figures.samples), 0);
    const tooMuch = hand.grow(lines * LINE_BYTES);
    if (tooMuch) return tooMuch;
  }
  return { ok: true, tenants: found, isLive: true };
}

async function all(
  env: Env,
  shards: readonly number[] | undefined,
  hand: Hand,
): Promise<Outcome<Scraped>> {
  const take = (lines: number) => hand.grow(lines * LINE_BYTES);
  const registered = await registeredFigures(env, MAX_LINES, take, shards);
  if (!registered.ok) return registered;
  const { figures, omitted, shards: up } = registered;
  const samples = {
    talaria_metrics_shard_up: [...up].map(([i, isUp]) => [[String(i)], isUp ? 1 : 0] as const),
    talaria_metrics_tenants_omitted: [[[], omitted] as const],
  };
  const byTenant = Map.groupBy(figures, ({ tenant }) => tenant);
  const tenants = new Map([...byTenant].map(([tenant, of]) => [tenant, of.flatMap(parsed)]));
  return { ok: true, tenants, isLive: false, more: { samples } };
}

/** Nothing where there is no text, or one that an object of another version has written otherwise. */
function parsed({ of, text }: { of: FiguresOf; text: string | undefined }): Found[] {
  if (text === undefined) return [];
  try {
    const result = figuresSchema.safeParse(JSON.parse(text));
    return result.success ? [{ of, figures: result.data }] : [];
  } catch {
    return [];
  }
}

function sourcesOf({ tenants, isLive, more }: Scraped): Source[] {
  const sources: Source[] = more ? [more] : [];
  const now = Date.now();
  for (const [tenant, found] of tenants) {
    const isUp = found.some(({ of }) => of === 'tenant');
    sources.push({ tenant, samples: { talaria_up: [[[], isUp ? 1 : 0]] } });
    for (const { of, figures } of found) {
      const { at, samples } = figures;
      sources.push({ tenant, samples, withoutGauges: now - at > RESTING_MS });
      const takenAt = { talaria_last_figures_timestamp_seconds: [[[of], at / 1_000] as const] };
      sources.push({ tenant, samples: takenAt });
    }
    if (isLive) sources.push({ tenant, samples: heldByWorker(tenant) });
  }
  return sources;
}

/** What the Worker that answers holds: each counts for itself. */
function heldByWorker(tenant: string): Source['samples'] {
  const held = heldOfKeys(tenant);
  return {
    talaria_bodies_in_hand: held.map(({ key, bodies }) => [[key], bodies]),
    talaria_bodies_in_hand_bytes: held.map(({ key, bodyBytes }) => [[key], bodyBytes]),
    talaria_uploads: held.map(({ key, uploads }) => [[key], uploads]),
  };
}

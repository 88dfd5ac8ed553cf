/**
 * The console's API: who is signed in, and what the tenant's object answers. The contract is in
 * src/protocol/console; what changes a tenant is in settings.ts, what it has learned in tenant-views.ts, the stream in stream.ts.
 */

import type { Context } from 'hono';
import * as z from 'zod/mini';
import { type ConsoleEnv, consoleAuth } from '../../auth/console-caller.ts';
import { tenantNames } from '../../config/tenant-names.ts';
import { errorResponse, invalidRequest } from '../../http/errors.ts';
import { digits, intWithin, textUpTo, textWithin } from '../../http/field-schemas.ts';
import { given } from '../../http/given.ts';
import { Hono } from '../../http/hono.ts';
import { firstProblem } from '../../http/problem.ts';
import { askTenant } from '../../objects/ask-object.ts';
import type { NowView } from '../../protocol/console/now.ts';
import { nameOfPart } from '../../protocol/console/path-part.ts';
import { RUN_STATES } from '../../protocol/console/runs.ts';
import {
  CONSOLE_BUILD,
  CONSOLE_CONTRACT,
  type SessionView,
} from '../../protocol/console/session.ts';
import { MOST_TRACE_RUNS, TRACE_RUNS } from '../../protocol/console/trace.ts';
import type { ConsoleQuestion } from '../../protocol/looking.ts';
import { demoTraffic, playsTraffic } from './demo-traffic.ts';
import { consoleSettings } from './settings.ts';
import { consoleViews } from './tenant-views.ts';

/** A cursor that counts rows. */
const rowCursor = digits(9, 'expected the cursor of the page before');

const lineQuery = z.object({
  backend: textUpTo(256),
  after: z._default(rowCursor, 0),
});
const text = z.optional(textWithin(1, 256));
const time = z.optional(digits(16, 'expected a time in epoch ms'));
const runsQuery = z.object({
  ...{ app: text, q: text, from: time, to: time },
  state: z.optional(z.enum(RUN_STATES)),
  after: z.optional(rowCursor),
});
const traceQuery = z.object({
  limit: z._default(z.pipe(rowCursor, intWithin(1, MOST_TRACE_RUNS)), TRACE_RUNS),
});
const sessionQuery = z.object({
  after: z.optional(textUpTo(512)),
  first: z.optional(z.literal('now')),
});

export const consoleApi = new Hono<ConsoleEnv>()
  .use('/session', consoleAuth)
  .get('/session', session)
  .use('/demo-traffic', consoleAuth)
  .post('/demo-traffic', demoTraffic)
  .use('/tenants/:tenant/*', consoleAuth)
  .get('/tenants/:tenant/now', (c) => look(c, { type: 'now' }))
  .get('/tenants/:tenant/line', (c) => {
    const query = lineQuery.safeParse(c.req.query());
    if (!query.success) return refuseQuery(query.error);
    return look(c, { type: 'line', ...query.data });
  })
  .get('/tenants/:tenant/runs', (c) => {
    const query = runsQuery.safeParse(c.req.query());
    if (!query.success) return refuseQuery(query.error);
    return look(c, { type: 'runs', filter: query.data });
  })
  .get('/tenants/:tenant/runs/:run', (c) =>
    look(c, { type: 'run', run: nameOfPart(c.req.param('run')) }),
  )
  .get('/tenants/:tenant/calls/:id', (c) =>
    look(c, { type: 'call', id: nameOfPart(c.req.param('id')) }),
  )
  .get('/tenants/:tenant/trace', (c) => {
    const query = traceQuery.safeParse(c.req.query());
    if (!query.success) return refuseQuery(query.error);
    return look(c, { type: 'trace', ...query.data }, 'application/jsonl');
  })
  .route('/', consoleViews)
  .route('/', consoleSettings);

async function session(c: Context<ConsoleEnv>): Promise<Response> {
  const query = sessionQuery.safeParse(c.req.query());
  if (!query.success) return refuseQuery(query.error);
  const caller = c.get('caller');
  const { names, after } =
    caller.role === 'tenant'
      ? { names: [caller.tenant] }
      : await tenantNames(c.env.TENANTS, query.data.after);
  const [only = ''] = names.length === 1 && after === undefined ? names : [];
  const first = query.data.first && only !== '' ? await firstView(c, only) : undefined;
  const view: SessionView = {
    contract: CONSOLE_CONTRACT,
    build: CONSOLE_BUILD,
    role: caller.role,
    name: caller.name,
    tenants: names,
    ...given({ after, first }),
    canGenerateTraffic: caller.role === 'admin' && playsTraffic(c.env),
    now: Date.now(),
  };
  return c.json(view);
}

/** The present of a tenant; undefined where its object does not answer, which the page will find out. */
async function firstView(c: Context<ConsoleEnv>, tenant: string): Promise<NowView | undefined> {
  const caller = c.get('caller');
  const key = caller.role === 'tenant' ? caller.key : undefined;
  const asked = askTenant(c.env, tenant, (stub) => stub.look({ type: 'now' }, key));
  const reply = await asked.catch(() => undefined);
  return reply?.ok ? (JSON.parse(reply.json) as NowView) : undefined;
}

/** Asks the tenant's object, and passes its answer on. */
async function look(
  c: Context<ConsoleEnv>,
  question: ConsoleQuestion,
  type = 'application/json',
): Promise<Response> {
  const caller = c.get('caller');
  const key = caller.role === 'tenant' ? caller.key : undefined;
  const tenant = c.req.param('tenant') ?? '';
  const reply = await askTenant(c.env, tenant, (stub) => stub.look(question, key));
  if (!reply.ok) return errorResponse({ code: reply.code });
  return c.body(reply.json, 200, { 'content-type': type });
}

function refuseQuery(error: z.core.$ZodError): Response {
  return invalidRequest({ ...firstProblem(error) });
}

/**
 * The console's views of what a tenant has learned: warmth and applications; and how a question goes to
 * the tenant's object. Mount it after `consoleAuth`.
 */
import type { Context } from 'hono';
import { ask } from '../../auth/admin-tenant.ts';
import type { ConsoleEnv } from '../../auth/console-caller.ts';
import { errorResponse, failure, type Outcome, wrongInput } from '../../http/errors.ts';
import { Hono } from '../../http/hono.ts';
import { nameOfPart } from '../../protocol/console/path-part.ts';
import type { SteeringQuestion } from '../../protocol/steering.ts';

type Ctx = Context<ConsoleEnv, string>;

const MAX_QUERY_CHARS = 256;

export const consoleViews = new Hono<ConsoleEnv>()
  .get('/tenants/:tenant/warmth', (c) => {
    const from = numberIn(c, 'from');
    if (!from.ok) return errorResponse(from.error);
    const to = numberIn(c, 'to');
    if (!to.ok) return errorResponse(to.error);
    return answerView(c, { type: 'warmth', ...from.given, ...to.given });
  })
  .get('/tenants/:tenant/applications', (c) => {
    const after = numberIn(c, 'after');
    if (!after.ok) return errorResponse(after.error);
    const q = c.req.query('q')?.slice(0, MAX_QUERY_CHARS);
    const named = q === undefined ? {} : { q };
    const cursor = after.given.after === undefined ? {} : { after: String(after.given.after) };
    return answerView(c, { type: 'applications', ...named, ...cursor });
  })
  .get('/tenants/:tenant/applications/:app', (c) =>
    answerView(c, { type: 'application', app: nameOfPart(c.req.param('app')) }),
  );

/** Asks the tenant's object, and passes its answer on. */
export async function answerView(c: Ctx, question: SteeringQuestion): Promise<Response> {
  const reply = await viewJson(c, question);
  if (!reply.ok) return errorResponse(reply.error);
  return c.body(reply.json, 200, { 'content-type': 'application/json' });
}

/** The object's answer as JSON text. */
export async function viewJson(
  c: Ctx,
  question: SteeringQuestion,
): Promise<Outcome<{ json: string }>> {
  const caller = c.get('caller');
  const key = caller.role === 'tenant' ? caller.key : undefined;
  const reply = await ask(c, async (stub) => await stub.steeringView(question, key));
  return reply.ok ? reply : failure(reply.code);
}

/** A number in the query, by its name; nothing where it is absent. */
function numberIn<K extends string>(
  c: Ctx,
  name: K,
): Outcome<{ given: { readonly [P in K]?: number } }> {
  const text = c.req.query(name);
  if (text === undefined || text === '') return { ok: true, given: {} };
  if (/^\d{1,15}$/.test(text)) {
    return { ok: true, given: { [name]: Number(text) } as { [P in K]: number } };
  }
  return wrongInput({ param: name, message: 'Expected a whole number.' });
}

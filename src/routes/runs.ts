/** What a client reports about its runs: units that it runs itself, and the end of a run. */
import type { Context } from 'hono';
import { runEventSchema } from '../apis/run-event.ts';
import type { AppEnv } from '../auth/app-env.ts';
import { refusedResponse } from '../calls/plain-refusal.ts';
import { type ApiError, errorResponse } from '../http/errors.ts';
import { Hono } from '../http/hono.ts';
import { readJsonText } from '../http/json-input.ts';
import { readText } from '../http/read-body.ts';
import { isPlaceholder } from '../identity/placeholders.ts';
import { askTenant } from '../objects/ask-object.ts';
import type { RunEvent } from '../protocol/key-requests.ts';
import { isName, MAX_NAME_CHARS } from '../protocol/name.ts';

const MAX_BODY_BYTES = 16_384;

export const runs = new Hono<AppEnv>()
  .post('/:run/events', async (c) => {
    const runId = c.req.param('run');
    if (!isName(runId)) return errorResponse(badName('run'));
    if (isPlaceholder(runId)) return errorResponse(noName('run', runId));
    const body = await readText(c.req.raw, {
      maxBytes: MAX_BODY_BYTES,
      pace: c.get('tenant').config.limits.body,
    });
    if (!body.ok) return errorResponse(body.error);
    const parsed = readJsonText(body.text, runEventSchema);
    if (!parsed.ok) return errorResponse(parsed.error);
    const { type, unit, app } = parsed.value;
    if (isPlaceholder(unit)) return errorResponse(noName('unit', unit));
    const namedApp = [app, c.req.header('x-talaria-app')].find(
      (name) => name !== undefined && !isPlaceholder(name),
    );
    if (namedApp !== undefined && !isName(namedApp)) {
      return errorResponse(badName('x-talaria-app'));
    }
    // The begin of a unit may open a run where it names the application; the end of a unit of an
    // unknown run is the client's mistake.
    const event =
      type === 'unit_begin'
        ? { type: 'unit-began' as const, runId, app: namedApp ?? runId, unit }
        : { type: 'unit-ended' as const, runId, unit };
    const refused = await report(c, event, type === 'unit_begin' && namedApp !== undefined);
    return refused ?? c.json({ run: runId, accepted: true }, 202);
  })
  .post('/:run/finish', async (c) => {
    const runId = c.req.param('run');
    if (isPlaceholder(runId)) {
      return errorResponse(noName('run', runId));
    }
    const refused = await report(c, { type: 'run-finished', runId }, false);
    return refused ?? c.json({ run: runId, finished: true });
  });

function badName(param: string): ApiError {
  const message = `Expected 1 to ${MAX_NAME_CHARS} printable ASCII characters.`;
  return { code: 'invalid_request_error', param, message };
}

/** All runs of a program would have such a name in common. */
function noName(param: 'run' | 'unit', value: string): ApiError {
  const message = `"${value}" stands for a name that was not filled in.`;
  return { code: 'invalid_request_error', param, message };
}

/** Reports an event to the tenant's object; the response where it is refused. */
async function report(
  c: Context<AppEnv>,
  event: RunEvent,
  opens: boolean,
): Promise<Response | undefined> {
  const { tenant, version } = c.get('tenant');
  const [keyId, keyHash] = [c.get('keyId'), c.get('keyHash')];
  const answer = await askTenant(c.env, tenant, (stub) =>
    stub.reportRun({ event, opens, keyId, keyHash, version }),
  );
  const headers = { 'x-request-id': c.get('requestId') };
  if (answer.status === 'refused') return refusedResponse(answer, headers);
  if (answer.isKnown) return undefined;
  const message = `There is no run "${event.runId}" in flight.`;
  return errorResponse({ code: 'run_not_found', message }, headers);
}

/**
 * Starts and stops the demo's traffic, in local development only: the process that runs the demo
 * plays it, at an address that a deployed Worker does not have (`DEMO_TRAFFIC_URL`).
 */

import type { Context } from 'hono';
import * as z from 'zod/mini';
import type { ConsoleEnv } from '../../auth/console-caller.ts';
import { readJson } from '../../auth/tenant-steering.ts';
import { errorResponse } from '../../http/errors.ts';

const MAX_BODY_BYTES = 1_000;

const order = z.object({ action: z.enum(['start', 'stop', 'status']) });

/** True where somebody is there to play it. */
export function playsTraffic(env: Env): boolean {
  return env.ENVIRONMENT === 'development' && (env.DEMO_TRAFFIC_URL ?? '') !== '';
}

export async function demoTraffic(c: Context<ConsoleEnv>): Promise<Response> {
  if (!playsTraffic(c.env)) return errorResponse({ code: 'not_found' });
  if (c.get('caller').role !== 'admin') return errorResponse({ code: 'permission_denied' });
  const body = await readJson(c, order, MAX_BODY_BYTES);
  if (!body.ok) return errorResponse(body.error);
  const player = `${c.env.DEMO_TRAFFIC_URL}/${body.value.action}`;
  const played = await fetch(player, { method: 'POST' }).catch(() => undefined);
  if (!played?.ok)
    return errorResponse({ code: 'dispatcher_unavailable', message: 'Nobody plays.' });
  return c.body(await played.text(), 200, { 'content-type': 'application/json' });
}

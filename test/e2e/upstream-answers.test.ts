/**
 * A sample of what real systems answer (test/upstream-answers), end to end on bare workerd: what is no
 * answer is made up for by another endpoint, an error of the client's comes through with its status and
 * its words, an answer as it came; and no slot stays taken.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACCOUNTS } from '../upstream-answers/accounts.ts';
import type { UpstreamAnswer } from '../upstream-answers/judged-answer.ts';
import { PLAIN } from '../upstream-answers/plain.ts';
import { STATUSES } from '../upstream-answers/statuses.ts';
import { STREAMS } from '../upstream-answers/streams.ts';
import { type Dispatcher, startDispatcher, statusOf, until } from './harness.ts';

/** Of the answers to models' calls, each so many. */
const STEP = 3;
const SAMPLE = [...STATUSES, ...PLAIN, ...STREAMS, ...ACCOUNTS]
  .filter(
    ({ format, isTool, kind, choices }) => format !== 'opaque' && !isTool && !kind && !choices,
  )
  .filter((_, i) => i % STEP === 0);

const PATHS = { openai: '/chat/completions', messages: '/messages', responses: '/responses' };
/** What the other endpoint says, in any API. */
const FINE = 'said by the other endpoint';
const BODIES: Readonly<Record<string, object>> = {
  '/v1/chat/completions': {
    choices: [{ index: 0, message: { role: 'assistant', content: FINE }, finish_reason: 'stop' }],
  },
  '/v1/messages': {
    type: 'message',
    role: 'assistant',
    content: [{ type: 'text', text: FINE }],
    stop_reason: 'end_turn',
  },
  '/v1/responses': { object: 'response', status: 'completed', output: [{ content: FINE }] },
};

let dispatcher: Dispatcher;
let present: UpstreamAnswer | undefined;
let asked = 0;

const odd = served((_req, res) => {
  asked += 1;
  if (present) answer(present, res);
});
const fine = served((req, res) => {
  const body = JSON.stringify(BODIES[req.url ?? '']);
  res.writeHead(200, { 'content-type': 'application/json' }).end(body);
});

/** A server that answers calls alone: engines are asked for their load beside them. */
function served(serve: (req: IncomingMessage, res: ServerResponse) => void) {
  return createServer((req, res) => {
    req.resume().once('end', () => {
      if (req.method === 'POST') serve(req, res);
      else res.writeHead(404).end();
    });
  });
}

function answer({ status = 200, headers = {}, body, ends }: UpstreamAnswer, res: ServerResponse) {
  res.writeHead(status, headers);
  if (ends === undefined || ends === 'in-order') return res.end(body);
  return res.write(body, () => {
    if (ends === 'reset') setImmediate(() => res.destroy());
  });
}

beforeAll(async () => {
  dispatcher = await startDispatcher();
  for (const server of [odd, fine]) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }
});

afterAll(async () => {
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error|report_lost/);
  await dispatcher.close();
  for (const server of [odd, fine]) {
    server.closeAllConnections();
    server.close();
  }
});

let tenants = 0;

async function called(wanted: UpstreamAnswer) {
  tenants += 1;
  const tenant = `upstream-${tenants}`;
  const endpoints = [odd, fine].map((server) => ({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    slots: 1,
  }));
  const { url } = dispatcher.workerd;
  const key = await dispatcher.tenant(tenant, {
    backends: { m: { models: ['m'], endpoints } },
  });
  const { format = 'openai', streams = false, stripUsage = false } = wanted;
  present = wanted;
  asked = 0;
  const usage = streams && !stripUsage && { stream_options: { include_usage: true } };
  const response = await fetch(`${url}/v1${PATHS[format as keyof typeof PATHS]}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'm',
      stream: streams,
      ...(format === 'responses' ? { input: 'x' } : { messages: [{ role: 'user', content: 'x' }] }),
      ...(format === 'messages' ? { max_tokens: 9 } : {}),
      ...(format === 'openai' ? usage : {}),
    }),
  });
  const parts: Uint8Array[] = [];
  try {
    for await (const part of response.body ?? []) parts.push(part);
  } catch {
    // It broke, which some are expected to.
  }
  await until(
    () => statusOf(url, tenant),
    (status) => status.m?.running === 0 && status.m.waiting === 0,
  );
  return { response, bytes: Buffer.concat(parts) };
}

/** The client has had a part of the answer, which cannot be made up for. */
function isBegun({ body, streams, ends, isUntold }: UpstreamAnswer): boolean {
  if (streams !== true) return ends === 'reset' && !isUntold;
  return typeof body === 'string' && /"(?:Hel|Hi|Hello\.)"/.test(body);
}

describe('what real systems answer', () => {
  it.each(SAMPLE.map((wanted) => [wanted.who, wanted] as const))('%s', async (_who, wanted) => {
    const { response, bytes } = await called(wanted);
    const text = bytes.toString();
    expect(asked).toBe(1);
    const isLost = ['broken', 'busy', 'cold'].includes(wanted.is) || wanted.ends === 'reset';
    if (wanted.is !== 'ok' && isLost && !isBegun(wanted)) {
      expect(response.status).toBe(200);
      expect(text).toContain(FINE);
      return;
    }
    expect(text).not.toContain(FINE);
    if (wanted.is !== 'ok' && !isBegun(wanted)) {
      expect(response.status).toBe(wanted.told ?? wanted.status);
    }
    if (wanted.same) expect(text).toBe(Buffer.from(wanted.body).toString());
    if (wanted.tells !== undefined) expect(text.split(wanted.tells)).toHaveLength(2);
    if (wanted.hides !== undefined) expect(text).not.toContain(wanted.hides);
  });
});

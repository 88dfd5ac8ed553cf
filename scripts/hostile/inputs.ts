/**
 * The hostile inputs by name, each as one round. Rounds are repeated for the measured time, so each
 * starts from the same state and takes a few seconds at most.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { BODIES } from './bodies.ts';
import type { Hostile, HostileClient } from './hostile-client.ts';
import { LONG_ANSWERS, type LongName } from './hostile-endpoint.ts';

/** The time in ms for which connections are held. */
const HELD_MS = 3_000;

export interface HostileInput {
  readonly round: (client: HostileClient) => Promise<void>;
  /** If set, the endpoint scales to zero, and wakes get this answer. */
  readonly wakeAnswer?: LongName;
}

const CHAT = '/v1/chat/completions';
const TOOL = '/v1/backends/m/x';
const said = (more: object = {}) =>
  JSON.stringify({
    model: 'm',
    messages: [{ role: 'user', content: 'x' }],
    max_tokens: 9,
    ...more,
  });

function bodies(): Record<string, HostileInput> {
  const inputs = Object.entries(BODIES).map(([name, { path, body, headers = {} }]) => {
    let made: string | Buffer | undefined;
    const round = async (client: HostileClient) => {
      made ??= Buffer.from(body());
      await client.send({ path, body: made, headers });
    };
    return [name, { round }] as const;
  });
  return Object.fromEntries(inputs);
}

const WHERE: Readonly<Record<LongName, Hostile>> = {
  'long json': { path: CHAT, body: said() },
  'long count': { path: '/v1/messages/count_tokens', body: said() },
  'long error': { path: CHAT, body: said() },
  'usage in json': { path: CHAT, body: said() },
  'usage in a stream': { path: CHAT, body: said({ stream: true }) },
  'one event': { path: CHAT, body: said({ stream: true }) },
  'empty events': { path: CHAT, body: said({ stream: true }) },
  'tiny events': { path: CHAT, body: said({ stream: true }) },
  'tiny deltas': { path: CHAT, body: said({ stream: true }) },
};

function answers(): Record<string, HostileInput> {
  const inputs = (Object.keys(LONG_ANSWERS) as LongName[]).map((name) => {
    const { bytes } = LONG_ANSWERS[name];
    const round = async (client: HostileClient) => {
      const sent = client.send({ ...WHERE[name], headers: { 'x-answer': name } });
      await Promise.race([sent, pause(2 * HELD_MS)]);
      client.leave();
    };
    return [`answer: ${name}, ${bytes / 1e6} MB`, { round }] as const;
  });
  return Object.fromEntries(inputs);
}

/** Many calls for three seconds that all get this answer. */
function turnedAway(answer: string): HostileInput {
  return {
    round: async (client) => {
      const flood = client.flood(1_000, 32, () => ({
        path: TOOL,
        body: 'x',
        headers: { 'x-answer': answer },
      }));
      await Promise.race([flood, pause(HELD_MS)]);
      client.leave();
    },
  };
}

function floodOf(count: number, atATime: number, what: (i: number) => Hostile): HostileInput {
  return { round: (client) => client.flood(count, atATime, what) };
}

const unique = () => Math.random().toString(36).slice(2);

export const INPUTS: Readonly<Record<string, HostileInput>> = {
  ...bodies(),
  ...answers(),
  'answer to a wake: 300 MB': {
    wakeAnswer: 'long json',
    round: async (client) => {
      await Promise.race([client.send({ path: CHAT, body: said() }), pause(HELD_MS)]);
      client.leave();
    },
  },
  'tool answers 429': turnedAway('429'),
  'tool answers 503': turnedAway('503'),
  'tool answers 403': turnedAway('403'),
  'tool answers 500': turnedAway('500'),
  'tool hangs': turnedAway('hang'),
  '500 small calls': floodOf(500, 100, () => ({ path: CHAT, body: said() })),
  '500 calls of a key that is none': floodOf(500, 100, () => ({
    path: CHAT,
    body: said(),
    headers: { authorization: 'Bearer x' },
  })),
  '500 token counts': floodOf(500, 100, () => ({
    path: '/v1/messages/count_tokens',
    body: said(),
  })),
  '2,000 events of runs': floodOf(2_000, 100, () => ({
    path: `/v1/runs/${unique()}/events`,
    body: '{"type":"unit_begin","unit":"u","app":"a"}',
  })),
  '300 jobs': floodOf(300, 50, () => ({
    path: '/v1/jobs',
    body: JSON.stringify({ path: TOOL, body: 'x'.repeat(1_000), headers: { 'x-answer': '500' } }),
  })),
  '300 batches of no file': floodOf(300, 50, () => ({
    path: '/v1/batches',
    body: JSON.stringify({
      input_file_id: 'file-x',
      endpoint: CHAT,
      completion_window: '24h',
      metadata: { x: 'x'.repeat(500) },
    }),
  })),
  '300 idempotency keys with long URLs': floodOf(300, 50, () => ({
    path: `${TOOL}?${'q'.repeat(8_000)}`,
    body: 'x',
    headers: { 'idempotency-key': unique() },
  })),
  '500 times TRACE': floodOf(500, 100, () => ({ method: 'TRACE', path: TOOL })),
  '200 times 60 kB of headers': floodOf(200, 50, () => ({
    path: CHAT,
    body: said(),
    headers: { 'x-talaria-app': unique(), 'x-long': 'x'.repeat(60_000) },
  })),
  '20 bodies that stop after 9 MB': {
    round: async (client) => {
      const body = Buffer.alloc(9_000_000, 'x');
      for (let i = 0; i < 20; i += 1) client.hold({ path: CHAT, body }, 9_900_000);
      await pause(HELD_MS);
      client.leave();
      await pause(100);
    },
  },
  '100 uploads, a byte at a time': {
    round: async (client) => {
      for (let i = 0; i < 100; i += 1) client.hold({ path: TOOL, body: 'x' }, 5_000_000, 'x');
      await pause(HELD_MS);
      client.leave();
      await pause(100);
    },
  },
  '500 callers that leave': {
    round: async (client) => {
      const body = said();
      for (let i = 0; i < 500; i += 1) {
        client.hold({ path: CHAT, body, headers: { 'x-answer': 'hang' } }, body.length);
      }
      await pause(1_000);
      client.leave();
      await pause(100);
    },
  },
};

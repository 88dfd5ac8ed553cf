/**
 * `npm run bench:console`: what an open page of the console costs the process that serves a tenant's
 * calls, on bare workerd: its CPU time with pages that watch, beside that without any, at a constant
 * rate of calls and at rest. The phases take turns, since the machine's speed drifts.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CONSOLE_PROTOCOL } from '../src/protocol/console/stream.ts';
import { startEmulator } from './gpu/emulator.ts';
import { ProcessMeter } from './hostile/process-meter.ts';
import { benchPhone } from './phone/bench.ts';
import { buildBundle, startRawWorkerd } from './raw-workerd.ts';
import { numberOf, runCommand } from './sim/arguments.ts';
import { ADMIN_TOKEN, admin } from './stack.ts';

const USAGE = `usage: npm run bench:console -- [options]

  --calls N     calls a second (default 20)
  --seconds N   of each phase (default 10)
  --rounds N    of all phases (default 4)
  --pages N     open pages (default 1)
  --phone       instead: how long a slow phone waits for each screen, in Chromium
  --screen S    with --phone: only the screens whose names begin so; may be repeated
  --help`;

const OPTIONS = {
  calls: { type: 'string', default: '20' },
  seconds: { type: 'string', default: '10' },
  rounds: { type: 'string', default: '4' },
  pages: { type: 'string', default: '1' },
  phone: { type: 'boolean', default: false },
  screen: { type: 'string', multiple: true, default: [] as string[] },
  help: { type: 'boolean', default: false },
} as const;

await runCommand(OPTIONS, USAGE, async (values) => {
  const perSec = numberOf('calls', values.calls);
  const seconds = numberOf('seconds', values.seconds);
  const rounds = numberOf('rounds', values.rounds);
  const pages = numberOf('pages', values.pages);
  if (values.phone) return benchPhone({ rounds, wanted: values.screen });
  const dir = await mkdtemp(join(tmpdir(), 'talaria-console-'));
  const workerd = await startRawWorkerd(await buildBundle(join(dir, 'dist')), join(dir, 'state'));
  const speed = { prefillMsPerToken: 0, decodeMsPerToken: 5 };
  const gpu = await startEmulator({ models: ['m'], slots: 4, ordinaryAnswers: true, ...speed });
  try {
    const endpoints = [{ url: `${gpu.url}/v1`, slots: 4 }];
    await admin(workerd.url, 'PUT', '/tenants/t', {
      backends: { b: { models: ['m'], endpoints } },
    });
    const { key } = JSON.parse(await admin(workerd.url, 'POST', '/tenants/t/keys'));
    const meter = new ProcessMeter(workerd.pid);
    const cpuMs = new Map<string, number>();
    const messages = new Map<string, number>();
    const phases = [0, perSec].flatMap((rate) => [0, pages].map((open) => ({ rate, open })));
    for (let i = 0; i < rounds * phases.length; i += 1) {
      const { rate, open } = phases[i % phases.length] ?? { rate: 0, open: 0 };
      const name = `${rate > 0 ? `${rate} calls/s` : 'at rest'}, ${open} pages`;
      const heard = await openPages(workerd.url, open);
      await pause(500);
      const [before, heardBefore] = [meter.cpuMs, heard.count()];
      const calls = await callsFor(seconds * 1_000, rate, (n) =>
        call(workerd.url, key, `run-${i}-${n >> 2}`),
      );
      cpuMs.set(name, (cpuMs.get(name) ?? 0) + meter.cpuMs - before);
      messages.set(name, (messages.get(name) ?? 0) + heard.count() - heardBefore);
      await Promise.all(calls);
      heard.close();
    }
    for (const [name, ms] of cpuMs) {
      const share = (100 * ms) / (rounds * seconds * 1_000);
      const perSecond = (messages.get(name) ?? 0) / (rounds * seconds);
      console.log(`${name}: ${share.toFixed(2)} % of a core, ${perSecond.toFixed(1)} messages/s`);
    }
  } finally {
    await workerd.stop('SIGKILL');
    await gpu.close();
    await rm(dir, { recursive: true, force: true });
  }
});

/** Makes calls at a rate per second for so long, ms; it does not wait for their ends. */
async function callsFor(ms: number, rate: number, make: (n: number) => Promise<void>) {
  const calls: Promise<void>[] = [];
  const until = performance.now() + ms;
  while (performance.now() < until) {
    if (rate > 0) calls.push(make(calls.length));
    await pause(rate > 0 ? 1_000 / rate : ms);
  }
  return calls;
}

async function openPages(url: string, count: number) {
  let heard = 0;
  const sockets = Array.from({ length: count }, () => {
    const address = `${url.replace('http', 'ws')}/console/api/tenants/t/stream`;
    const socket = new WebSocket(address, [CONSOLE_PROTOCOL, `bearer.${ADMIN_TOKEN}`]);
    socket.onopen = () => socket.send(JSON.stringify({ type: 'watch', topics: ['now'] }));
    socket.onmessage = ({ data }) => {
      heard += 1;
      const { type, version } = JSON.parse(data);
      if (type === 'now') socket.send(JSON.stringify({ type: 'seen', version }));
    };
    return socket;
  });
  await Promise.all(
    sockets.map((s) => new Promise((resolve) => s.addEventListener('open', resolve))),
  );
  const close = () => {
    for (const socket of sockets) socket.close();
  };
  return { count: () => heard, close };
}

async function call(url: string, key: string, run: string): Promise<void> {
  const messages = [{ role: 'user', content: 'word '.repeat(40) }];
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      ...{ authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...{ 'x-talaria-app': 'bench', 'x-talaria-run': run },
    },
    body: JSON.stringify({ model: 'm', messages, max_tokens: 40, stream: true }),
  });
  await answer.text();
}

/** Releases: an endpoint counts as cold only where it says so, or took the request. */
import { describe, expect, it } from 'vitest';
import type { PlatformRequest } from '../../../src/endpoints/adapter.ts';
import type { PlatformIo, Sent } from '../../../src/endpoints/platform-io.ts';
import { ADAPTERS } from '../../../src/endpoints/registry.ts';
import { releaseEndpoint } from '../../../src/endpoints/release.ts';

const TARGET = { url: 'http://gpu.test/v1', auth: {}, model: 'm' };

/** A vLLM server in sleep mode; `onSleep` says what its request to sleep does. */
class SleepServer implements PlatformIo {
  isAsleep = false;
  readonly seen: string[] = [];
  readonly #onSleep: (server: SleepServer) => Sent;

  constructor(onSleep: (server: SleepServer) => Sent) {
    this.#onSleep = onSleep;
  }

  now(): number {
    return 0;
  }

  async wait(): Promise<void> {}

  async send({ method, url }: PlatformRequest): Promise<Sent> {
    const { pathname } = new URL(url);
    this.seen.push(`${method} ${pathname}`);
    if (pathname === '/is_sleeping') return answered(200, `{"is_sleeping":${this.isAsleep}}`);
    return this.#onSleep(this);
  }
}

function answered(status: number, body = ''): Sent {
  return { kind: 'answered', answer: { status, body, isWhole: true } };
}

const falls: Sent = answered(200);
const asleep = (sent: Sent) => (server: SleepServer) => {
  server.isAsleep = true;
  return sent;
};

describe('the release of a vLLM server', () => {
  it('ends with a server that says that it sleeps', async () => {
    const server = new SleepServer(asleep(falls));
    expect(await releaseEndpoint(ADAPTERS.vllm, TARGET, server)).toEqual({ ok: true });
    expect(server.seen).toEqual(['GET /is_sleeping', 'POST /sleep', 'GET /is_sleeping']);
  });

  it('leaves one alone that sleeps already', async () => {
    const server = new SleepServer(asleep(falls));
    server.isAsleep = true;
    expect(await releaseEndpoint(ADAPTERS.vllm, TARGET, server)).toEqual({ ok: true });
    expect(server.seen).toEqual(['GET /is_sleeping']);
  });

  it('has worked where only the answer was lost', async () => {
    for (const sent of [{ kind: 'silent' }, { kind: 'unreachable' }] as const) {
      const server = new SleepServer(asleep(sent));
      expect(await releaseEndpoint(ADAPTERS.vllm, TARGET, server)).toEqual({ ok: true });
    }
  });

  it.each([
    [answered(404), 'POST /sleep: status 404'],
    [answered(500), 'POST /sleep: status 500'],
    [{ kind: 'silent' } as const, 'POST /sleep: no answer in time'],
    [{ kind: 'unreachable' } as const, 'POST /sleep: it could not be reached'],
    [answered(200), 'it is awake after POST /sleep'],
  ])('has failed where it is awake afterwards (%j)', async (sent, reason) => {
    const server = new SleepServer(() => sent);
    expect(await releaseEndpoint(ADAPTERS.vllm, TARGET, server)).toEqual({ ok: false, reason });
  });
});

it('a release by path counts by its answer alone', async () => {
  const target = { ...TARGET, releasePath: '/go-cold' };
  for (const [status, ok] of [
    [200, true],
    [204, true],
    [303, false],
    [503, false],
  ] as const) {
    const server = new SleepServer(() => answered(status));
    const result = await releaseEndpoint(ADAPTERS['openai-generic'], target, server);
    expect([status, result.ok]).toEqual([status, ok]);
  }
});

it('an endpoint that nothing can release is not released', async () => {
  const server = new SleepServer(() => falls);
  const { ok, reason } = await releaseEndpoint(ADAPTERS.runpod, TARGET, server);
  expect([ok, server.seen.length]).toEqual([false, 0]);
  expect(reason).toMatch(/no request/);
});

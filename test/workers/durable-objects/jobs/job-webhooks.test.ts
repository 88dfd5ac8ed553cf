/** Webhooks of jobs: their signature, retries, and the addresses to which they are not sent. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { PATIENT } from '../../../patience.ts';
import { JobsBench, later, type Seen } from './jobs-bench.ts';

// These tests wait in real time before second attempts, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000 });

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const RAW = 'a secret of thirty-two bytes, yes';
const SECRET = `whsec_${btoa(RAW)}`;

/**
 * Checks the signature as a receiver does: with another implementation of HMAC, from the headers
 * alone.
 */
async function isSigned(seen: Seen | undefined, raw: string): Promise<boolean> {
  const header = (name: string) => seen?.headers.get(`webhook-${name}`);
  const signed = `${header('id')}.${header('timestamp')}.${seen?.text}`;
  const mac = await hmac(new TextEncoder().encode(raw), new TextEncoder().encode(signed));
  return header('signature') === `v1,${btoa(String.fromCharCode(...mac))}`;
}

/** HMAC-SHA256 by its definition (RFC 2104), for keys of up to 64 bytes. */
async function hmac(key: Uint8Array, text: Uint8Array): Promise<Uint8Array> {
  const padded = (pad: number) => Uint8Array.from({ length: 64 }, (_, i) => (key[i] ?? 0) ^ pad);
  const sha256 = async (...parts: Uint8Array[]) =>
    new Uint8Array(
      await crypto.subtle.digest('SHA-256', Uint8Array.from(parts.flatMap((p) => [...p]))),
    );
  return sha256(padded(0x5c), await sha256(padded(0x36), text));
}

async function delivered(bench: JobsBench, id: string, ...states: string[]) {
  return vi.waitUntil(async () => {
    const { webhook } = await bench.job(id);
    const { status } = webhook as { status: string };
    return states.includes(status) ? webhook : undefined;
  }, PATIENT);
}

async function sent(bench: JobsBench, times: number): Promise<void> {
  await vi.waitUntil(() => bench.webhooks.length >= times, PATIENT);
}

describe('a webhook', () => {
  it('tells of the end of its job, signed, without the answer', async () => {
    const bench = await JobsBench.start();
    const id = await bench.ordered({ webhook: { url: bench.receiver, secret: SECRET } });
    expect(await delivered(bench, id, 'delivered')).toEqual({
      url: bench.receiver,
      status: 'delivered',
      tries: 1,
    });
    const [seen] = bench.webhooks;
    expect(seen).toMatchObject({ url: bench.receiver, method: 'POST' });
    expect(seen?.headers.get('webhook-id')).toBe(`msg_${id}`);
    expect(await isSigned(seen, RAW)).toBe(true);
    expect(await isSigned(seen, 'another secret of 32 bytes, yes.')).toBe(false);
    const now = Date.now() / 1000;
    expect(Math.abs(Number(seen?.headers.get('webhook-timestamp')) - now)).toBeLessThan(60);
    const event = JSON.parse(seen?.text ?? '');
    expect(event).toMatchObject({
      type: 'job.completed',
      data: { id, status: 'completed', response: { status_code: 200 } },
    });
    expect(event.data.response).not.toHaveProperty('body');
    expect(JSON.stringify([event, await bench.job(id)])).not.toContain(btoa(RAW));
    expect(seen?.headers.has('authorization')).toBe(false);
  });

  it('is signed with the secret of the tenant where its job gives none', async () => {
    // No binding of this test's Worker may be used as a webhook secret.
    const bench = await JobsBench.start();
    for (const name of ['ADMIN_TOKEN', 'MASTER_KEY', 'MASTER_KEY_OLD', 'ENVIRONMENT']) {
      const configured = bench.configure({ webhookSecret: name });
      await expect(configured, name).rejects.toThrow('signs nothing');
    }
    await bench.configure({ webhookSecret: 'NOT_SET' });
    const told = await bench.order({ webhook: { url: bench.receiver } });
    expect(told).toMatchObject({ status: 400, json: { error: { param: 'webhook.secret' } } });
  });

  it('is sent again until it is accepted, after longer pauses, with the same id', async () => {
    const bench = await JobsBench.start();
    bench.webhook = () => new Response(null, { status: bench.webhooks.length < 3 ? 500 : 204 });
    const id = await bench.ordered({ webhook: { url: bench.receiver, secret: SECRET } });
    await sent(bench, 1);
    const pending = (tries: number) =>
      vi.waitUntil(async () => {
        const { webhook } = (await bench.job(id)) as { webhook: { tries: number } };
        return webhook.tries === tries;
      }, PATIENT);
    await pending(1);
    later(4_000);
    await bench.alarm();
    expect(bench.webhooks).toHaveLength(1);
    later(3_000);
    await bench.alarm();
    await pending(2);
    expect(bench.webhooks).toHaveLength(2);
    later(45_000);
    await bench.alarm();
    expect(await delivered(bench, id, 'delivered')).toMatchObject({ tries: 3 });
    const [first, , last] = bench.webhooks;
    expect(first?.headers.get('webhook-id')).toBe(last?.headers.get('webhook-id'));
    expect(first?.headers.get('webhook-timestamp')).not.toBe(
      last?.headers.get('webhook-timestamp'),
    );
    expect(bench.webhooks.every((w) => isSigned(w, RAW))).toBe(true);
  });

  it('is given up after six tries', async () => {
    const bench = await JobsBench.start();
    bench.webhook = () => Response.error();
    const id = await bench.ordered({ webhook: { url: bench.receiver, secret: SECRET } });
    for (let tries = 1; tries <= 6; tries += 1) {
      await vi.waitUntil(
        async () => (await bench.count('SELECT webhook_tries AS n FROM jobs')) === tries,
        PATIENT,
      );
      later(5_000_000);
      await bench.alarm();
    }
    expect(await delivered(bench, id, 'failed')).toMatchObject({ tries: 6 });
    later(5_000_000);
    await bench.alarm();
    expect(bench.webhooks).toHaveLength(6);
  });

  it('does not follow redirects', async () => {
    const bench = await JobsBench.start();
    const location = `http://169.254.169.254/${bench.tenant}/`;
    bench.webhook = () => new Response(null, { status: 302, headers: { location } });
    const id = await bench.ordered({ webhook: { url: bench.receiver, secret: SECRET } });
    await vi.waitUntil(
      async () => (await bench.count('SELECT webhook_tries AS n FROM jobs')) === 1,
      PATIENT,
    );
    expect(bench.webhooks.map((w) => w.url)).toEqual([bench.receiver]);
    expect(await delivered(bench, id, 'pending')).toMatchObject({ tries: 1 });
  });

  it('survives a restart of the object', async () => {
    const bench = await JobsBench.start();
    bench.webhook = () => new Response(null, { status: bench.webhooks.length < 2 ? 500 : 200 });
    const id = await bench.ordered({ webhook: { url: bench.receiver, secret: SECRET } });
    await vi.waitUntil(
      async () => (await bench.count('SELECT webhook_tries AS n FROM jobs')) === 1,
      PATIENT,
    );
    await bench.evict();
    later(10_000);
    await bench.alarm();
    expect(await delivered(bench, id, 'delivered')).toMatchObject({ tries: 2 });
  });

  it('is also sent for jobs that were cancelled or expired', async () => {
    const bench = await JobsBench.start({ concurrency: 1 });
    bench.answer = () => new Promise<Response>(() => {});
    const webhook = { url: bench.receiver, secret: SECRET };
    const cancelled = await bench.ordered({ webhook });
    const expired = await bench.ordered({ webhook, deadline_ms: 60_000 });
    await bench.called(1);
    later(60_001);
    await bench.alarm();
    await bench.once(expired, 'expired');
    await bench.fetch('DELETE', `/v1/jobs/${cancelled}`);
    await sent(bench, 2);
    const types = bench.webhooks.map((w) => JSON.parse(w.text).type);
    expect(types.sort()).toEqual(['job.cancelled', 'job.expired']);
  });
});

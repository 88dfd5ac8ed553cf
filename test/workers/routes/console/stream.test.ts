/** The console's stream: who may listen, what is told, and that nothing is said without a change. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { exports } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { TenantObject } from '../../../../src/index.ts';
import { MAX_SOCKETS, MAX_UNSEEN, STREAM_CLOSED } from '../../../../src/protocol/console/stream.ts';
import { ADMIN, newTenant, OK, Page } from './bench.ts';

const NOW = { type: 'watch', topics: ['now'] };

async function watching(tenant: string, token = ADMIN): Promise<Page> {
  const page = await Page.open(tenant, token);
  page.say(NOW);
  await page.until(({ views }) => views.length === 1);
  return page;
}

describe('a page', () => {
  it('is greeted, told the present when it watches, and again when that changes', async () => {
    const { name, key, enqueue } = await newTenant();
    const page = await watching(name, key);
    expect(page.messages[0]).toMatchObject({ type: 'hello', contract: 1 });
    expect(page.views[0]?.now).toMatchObject({ running: [], openRuns: 0 });
    using call = await enqueue('c');
    await page.until(({ views }) => views.at(-1)?.now.running[0]?.run === 'c');
    await call.ticket?.report(OK);
    await page.until(({ views }) => views.at(-1)?.now.running.length === 0);
    const versions = page.views.map(({ version }) => version);
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
    page.leave();
  });

  it('hears nothing, and wakes nobody, while nothing changes', async () => {
    const { name, stub } = await newTenant();
    const page = await watching(name);
    const heard = page.messages.length;
    // Asking changes nothing.
    for (let i = 0; i < 5; i += 1) await stub().view('status');
    page.say('ping');
    await page.until(({ pongs }) => pongs.length === 1);
    expect(page.messages).toHaveLength(heard);
    const steps = await runInDurableObject(stub(), async (_: TenantObject, state) => ({
      alarm: await state.storage.getAlarm(),
      sockets: state.getWebSockets().length,
    }));
    expect(steps).toEqual({ alarm: null, sockets: 1 });
    page.leave();
  });

  it('gets many changes as few views', async () => {
    const { name, enqueue } = await newTenant();
    const page = await watching(name);
    page.sees = true;
    page.say({ type: 'seen', version: page.views[0]?.version });
    for (let i = 0; i < 60; i += 1) {
      using call = await enqueue(`c${i}`);
      await call.ticket?.report(OK);
    }
    using last = await enqueue('last');
    await page.until(({ views }) => views.at(-1)?.now.running[0]?.run === 'last');
    await last.ticket?.report(OK);
    expect(page.views.length).toBeLessThan(60);
    page.leave();
  });

  it('hears of other topics only that something changed, and of none that it does not watch', async () => {
    const { name, enqueue } = await newTenant();
    const page = await Page.open(name);
    page.say({ type: 'watch', topics: ['runs', 'of a newer page'] });
    using call = await enqueue('c');
    await call.ticket?.report(OK);
    await page.until(({ messages }) => messages.some((m) => m.type === 'changed'));
    expect(page.messages.filter((m) => m.type === 'now')).toEqual([]);
    expect(page.messages.filter((m) => m.type === 'changed' && m.topic !== 'runs')).toEqual([]);
    page.leave();
  });

  it('that begins to watch is told of what changed shortly before, and once', async () => {
    const { name, enqueue } = await newTenant();
    const call = await enqueue('c');
    await call.ticket?.report(OK);
    call[Symbol.dispose]();
    // It was asked for before, as a page asks for a list while its stream opens.
    const page = await Page.open(name);
    page.say({ type: 'watch', topics: ['runs'] });
    await page.until(({ messages }) => messages.some((m) => m.type === 'changed'));
    expect(page.messages.at(-1)).toMatchObject({ type: 'changed', topic: 'runs' });
    const heard = page.messages.length;
    page.say({ type: 'watch', topics: ['audit', 'runs'] });
    page.say({ type: 'watch', topics: ['now', 'runs'] });
    await page.until(({ views }) => views.length === 1);
    const again = page.messages.slice(heard).filter((m) => m.type === 'changed');
    expect(again.filter(({ topic }) => topic === 'runs')).toEqual([]);
    page.leave();
  });

  it('that has not seen what it got gets no more, until it has', async () => {
    const { name, enqueue } = await newTenant();
    const page = await watching(name);
    for (let i = 0; page.views.length < MAX_UNSEEN; i += 1) {
      const views = page.views.length;
      using call = await enqueue(`c${i}`);
      await page.until((p) => p.views.length > views);
      await call.ticket?.report(OK);
    }
    const full = page.views.length;
    using held = await enqueue('held');
    const other = await watching(name);
    await other.until(({ views }) => views.at(-1)?.now.running[0]?.run === 'held');
    expect(page.views.length).toBeLessThanOrEqual(full);
    page.say({ type: 'seen', version: page.views.at(-1)?.version });
    await page.until(({ views }) => views.at(-1)?.now.running[0]?.run === 'held');
    await held.ticket?.report(OK);
    page.leave();
    other.leave();
  });

  it('is still told after the object slept', async () => {
    const { name, stub, enqueue } = await newTenant();
    const page = await watching(name);
    await evictDurableObject(stub(), { webSockets: 'hibernate' });
    using call = await enqueue('c');
    await page.until(({ views }) => views.at(-1)?.now.running[0]?.run === 'c');
    await call.ticket?.report(OK);
    page.leave();
  });
});

describe('a socket is closed', () => {
  it.each([
    ['{', STREAM_CLOSED.badMessage],
    ['{"type":"watch","topics":"now"}', STREAM_CLOSED.badMessage],
    ['{"type":"seen","version":1.5}', STREAM_CLOSED.badMessage],
    ['null', STREAM_CLOSED.badMessage],
    [`{"type":"watch","topics":["${'x'.repeat(1_000)}"]}`, STREAM_CLOSED.badMessage],
  ])('that says %j', async (said, code) => {
    const { name } = await newTenant();
    const page = await Page.open(name);
    page.say(said);
    await page.until(({ closed }) => closed !== undefined);
    expect(page.closed?.code).toBe(code);
  });

  it('that says too much', async () => {
    const { name } = await newTenant();
    const page = await Page.open(name);
    for (let i = 0; i < 150; i += 1) page.say({ type: 'seen', version: i });
    await page.until(({ closed }) => closed !== undefined);
    expect(page.closed?.code).toBe(STREAM_CLOSED.slow);
  });

  it('for a wrong token, a key of another tenant, and a tenant that is not there', async () => {
    const [one, other] = [await newTenant(), await newTenant()];
    for (const [tenant, token, code] of [
      [one.name, 'wrong', STREAM_CLOSED.unauthorized],
      [other.name, one.key, STREAM_CLOSED.deleted],
      ['never', one.key, STREAM_CLOSED.deleted],
      ['never', ADMIN, STREAM_CLOSED.deleted],
    ] as const) {
      const page = await Page.open(tenant, token);
      await page.until(({ closed }) => closed !== undefined);
      expect(page.closed?.code).toBe(code);
      expect(page.messages).toEqual([]);
    }
  });

  it('when its key is revoked, and when its tenant is deleted', async () => {
    const { name, key, admin } = await newTenant();
    const [ofKey, ofAdmin] = [await watching(name, key), await watching(name)];
    await admin('DELETE', '/keys/k');
    await ofKey.until(({ closed }) => closed !== undefined);
    expect(ofKey.closed?.code).toBe(STREAM_CLOSED.unauthorized);
    expect(ofAdmin.closed).toBeUndefined();
    await admin('DELETE');
    await ofAdmin.until(({ closed }) => closed !== undefined);
    expect(ofAdmin.closed?.code).toBe(STREAM_CLOSED.deleted);
  });

  it('where as many are open as may be; another may come when one has left', async () => {
    const { name } = await newTenant();
    const pages = await Promise.all(Array.from({ length: MAX_SOCKETS }, () => watching(name)));
    const further = await Promise.all(Array.from({ length: 50 }, () => Page.open(name)));
    for (const page of further) {
      await page.until(({ closed }) => closed !== undefined);
      expect(page.closed?.code).toBe(STREAM_CLOSED.full);
    }
    for (const page of pages) page.leave();
    for (const page of pages) await page.until(({ closed }) => closed !== undefined);
    (await watching(name)).leave();
  });
});

it('only a WebSocket with the console’s subprotocol is a stream', async () => {
  const { name } = await newTenant();
  const url = `http://talaria.test/console/api/tenants/${name}/stream`;
  expect((await exports.default.fetch(new Request(url))).status).toBe(400);
  const headers = { upgrade: 'websocket', 'sec-websocket-protocol': 'other' };
  expect((await exports.default.fetch(new Request(url, { headers }))).status).toBe(400);
});

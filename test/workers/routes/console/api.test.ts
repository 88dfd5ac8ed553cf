/** The console's API: who sees what, and what is no answer to whom. */
import { describe, expect, it } from 'vitest';
import type { LinePage, NowView } from '../../../../src/protocol/console/now.ts';
import type { SessionView } from '../../../../src/protocol/console/session.ts';
import { ADMIN, ask, newTenant } from './bench.ts';

describe('the session', () => {
  it('of the administrator has the tenants, and may change things', async () => {
    const { name } = await newTenant();
    const session = (await (await ask('/session')).json()) as SessionView;
    expect(session).toMatchObject({ role: 'admin', contract: 1, canGenerateTraffic: false });
    expect(session.tenants).toContain(name);
    expect(session.name).toMatch(/^#[0-9a-f]{8}$/);
  });

  it('of a key has its own tenant only', async () => {
    const { name, key } = await newTenant();
    await newTenant();
    expect(await (await ask('/session', key)).json()).toMatchObject({
      role: 'tenant',
      name: 'k',
      tenants: [name],
      canGenerateTraffic: false,
    });
  });

  it.each(['', 'wrong', 'test-admin-', 'x'.repeat(5_000)])(
    'is refused for the token %j',
    async (token) => {
      const refused = await ask('/session', token);
      expect(refused.status).toBe(401);
      expect(await refused.json()).toMatchObject({ error: { code: 'invalid_api_key' } });
    },
  );
});

describe('a tenant', () => {
  it('of another key looks like one that does not exist', async () => {
    const [one, other] = [await newTenant(), await newTenant()];
    for (const path of ['now', 'line?backend=m', 'nothing']) {
      const foreign = await ask(`/tenants/${other.name}/${path}`, one.key);
      const missing = await ask(`/tenants/none-${crypto.randomUUID()}/${path}`, one.key);
      expect(foreign.status).toBe(404);
      expect(await foreign.text()).toBe(await missing.text());
    }
    expect((await ask(`/tenants/${one.name}/now`, one.key)).status).toBe(200);
  });

  it('that was deleted, or never was, is not found', async () => {
    const { name, admin } = await newTenant();
    await admin('DELETE');
    for (const tenant of [name, 'never', '..%2f..', '%00']) {
      const gone = await ask(`/tenants/${tenant}/now`);
      expect(gone.status).toBe(404);
      expect(await gone.json()).toMatchObject({ error: { code: 'tenant_not_found' } });
    }
  });

  it('is seen by no key that was revoked', async () => {
    const { name, key, admin } = await newTenant();
    expect((await ask(`/tenants/${name}/now`, key)).status).toBe(200);
    await admin('DELETE', '/keys/k');
    expect((await ask(`/tenants/${name}/now`, key)).status).toBe(401);
  });

  it('is shown with what waits and runs, names being text', async () => {
    const { name, enqueue } = await newTenant();
    using _first = await enqueue('first');
    const app = '<script>alert(1)</script>';
    using _second = await enqueue('second', { app, unit: 'a\u0000\u202eb' });
    const answer = await ask(`/tenants/${name}/now`);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const now = (await answer.json()) as NowView;
    expect(now.running).toMatchObject([{ run: 'first', calls: [{ unit: 'u', backend: 'm' }] }]);
    expect(now.backends).toMatchObject([
      { backend: 'm', waitingCalls: 1, runningCalls: 1, slots: 1, slotsInUse: 1 },
    ]);
    expect(now.backends[0]?.line.rows).toMatchObject([
      { run: 'second', app, unit: 'a\u0000\u202eb', position: 1, key: 'k' },
    ]);
    expect(now.openRuns).toBe(2);
  });

  it('has a line that is read a page at a time', async () => {
    const { name, enqueue, key } = await newTenant();
    const held = await Promise.all(Array.from({ length: 211 }, (_, i) => enqueue(`c${i}`)));
    const page = async (after = '') =>
      (await (await ask(`/tenants/${name}/line?backend=m${after}`, key)).json()) as LinePage;
    const first = await page();
    const second = await page(`&after=${first.after}`);
    expect([first.total, first.rows.length, second.rows.length]).toEqual([210, 200, 10]);
    expect(second.after).toBeUndefined();
    expect(second.rows[0]?.position).toBe(201);
    for (const { ticket } of held) ticket?.[Symbol.dispose]();
  });

  it.each([
    '',
    'backend=m&after=x',
    'backend=m&after=-1',
    'backend=m&after=1e9',
    `backend=m&after=${'9'.repeat(400)}`,
  ])('refuses the query %j of its line, and says why', async (query) => {
    const { name } = await newTenant();
    const refused = await ask(`/tenants/${name}/line?${query}`);
    expect(refused.status).toBe(400);
    const { error } = (await refused.json()) as { error: { param: string } };
    expect(['after', 'backend']).toContain(error.param);
  });

  it('says that there is no such backend, and nothing at another path', async () => {
    const { name } = await newTenant();
    expect(await (await ask(`/tenants/${name}/line?backend=none`)).json()).toMatchObject({
      error: { code: 'backend_not_found' },
    });
    expect((await ask(`/tenants/${name}/nothing`)).status).toBe(404);
    expect((await ask('/nothing', ADMIN)).status).toBe(404);
  });
});

it('the demo cannot be played where nobody plays it', async () => {
  const order = { method: 'POST', body: JSON.stringify({ action: 'start' }) };
  expect((await ask('/demo-traffic', ADMIN, order)).status).toBe(404);
});

/** The door, and what goes wrong behind it: each says what is wrong, and recovers where it can. */
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { launchChromium } from './chromium.ts';
import { ADMIN, TENANT_KEY } from './fake/api.ts';
import { FakeServer } from './fake/server.ts';
import { inBrowser, type OpenPage, openPage, seriousFindings, signIn } from './open-page.ts';

const REFUSED = {
  status: 401,
  body: { error: { code: 'unauthorized', message: 'The token was revoked.', param: null } },
};

let browser: Browser;
let server: FakeServer;
let origin: string;
let opened: OpenPage;

inBrowser('the door', () => {
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());

  beforeEach(async () => {
    server = new FakeServer({ waiting: 5 });
    origin = await server.listen();
    opened = await openPage(browser, origin, { expected: [401, 403, 404, 500, 503] });
  });
  afterEach(async () => {
    await opened.close();
    await server.close();
  });

  it('takes the token from the link, out of the address, and keeps it over a reload', async () => {
    const { page, faults } = opened;
    await signIn(page, origin, ADMIN);
    expect(page.url()).not.toContain(ADMIN);
    await page.reload();
    await page.getByRole('heading', { name: 'Choose a tenant' }).waitFor();
    expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain(ADMIN);
    expect(await page.context().cookies()).toEqual([]);
    expect(faults).toEqual([]);
  });

  it('says that a token is wrong, and takes the right one from the form', async () => {
    const { page } = opened;
    await page.goto(`${origin}/console/t/demo/now#token=wrong`);
    await page.getByText('The token is not accepted').waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await page.getByLabel('Admin token').fill(ADMIN);
    await page.keyboard.press('Enter');
    // At the address that was asked for.
    await page.getByText('The line').waitFor();
  });

  it('shows a tenant’s key its own tenant, and no means to change it', async () => {
    const { page } = opened;
    await signIn(page, origin, TENANT_KEY);
    await page.getByText('The line').waitFor();
    expect(page.url()).toContain('/t/demo/now');
    await page.goto(`${origin}/console/t/demo/warmth`);
    await page.getByText('Cost and gain').waitFor();
    expect(await page.getByRole('button', { name: /Wake now|Pause/ }).count()).toBe(0);
    await page.goto(`${origin}/console/t/demo/applications/helpdesk`);
    await page.getByText('Weight 2').waitFor();
    await page.goto(`${origin}/console/t/busy/runs`);
    await page.getByText('not allowed with your token').waitFor();
  });

  it('shows the next caller nothing of what the one before has seen', async () => {
    const { page } = opened;
    await signIn(page, origin, ADMIN);
    await page.goto(`${origin}/console/t/busy/applications`);
    await page.getByRole('link', { name: 'helpdesk' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Admin token').fill(TENANT_KEY);
    await page.keyboard.press('Enter');
    await page.getByText('not allowed with your token').waitFor();
    expect(await page.getByText('helpdesk').count()).toBe(0);
  });

  it('asks for a new token where the old one is refused in the middle', async () => {
    const { page } = opened;
    await signIn(page, origin, ADMIN);
    await page.goto(`${origin}/console/t/demo/now`);
    await page.getByText('The line').waitFor();
    server.instead.set('/runs', REFUSED);
    await page.getByRole('link', { name: 'Runs' }).click();
    await page.getByText('The token was revoked.').waitFor();
    server.instead.clear();
    await page.getByLabel('Admin token').fill(ADMIN);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('run-7ps').waitFor();
  });

  it('says what failed, and tries again by itself', async () => {
    const { page } = opened;
    await signIn(page, origin, ADMIN);
    server.instead.set('/applications', { status: 503, body: {} });
    await page.goto(`${origin}/console/t/demo/applications`);
    await page.getByText('Too many requests').waitFor();
    server.instead.clear();
    await page.getByText('helpdesk').waitFor();
  });

  it('keeps what it has where a service fails later, and says how old it is', async () => {
    const { page } = opened;
    await signIn(page, origin, ADMIN);
    await page.goto(`${origin}/console/t/demo/runs`);
    await page.getByText('run-7ps').waitFor();
    server.instead.set('/runs', { status: 500, body: {} });
    server.step();
    await page.getByText('The service failed').waitFor();
    expect(await page.getByText('run-7ps').count()).toBe(1);
    server.instead.clear();
    // It tries again by itself, as well as by its button.
    await page.getByText('The service failed').waitFor({ state: 'detached' });
  });

  it('says that it is stale where the stream is cut, and goes on by itself', async () => {
    const { page } = opened;
    await signIn(page, origin, ADMIN);
    await page.goto(`${origin}/console/t/demo/now`);
    await page.locator('.live[data-state="live"]').waitFor();
    server.refusesStreams = true;
    server.cut();
    await page.locator('.live[data-state="stale"]').waitFor();
    await page.getByText('what you see is as it was').waitFor();
    server.refusesStreams = false;
    await page.locator('.live[data-state="live"]').waitFor();
  });

  it('says that it is one page too many, shows what it asks for, and is live once there is room', async () => {
    const { page } = opened;
    server.isFull = true;
    await signIn(page, origin, ADMIN);
    await page.goto(`${origin}/console/t/demo/now`);
    await page.locator('.live[data-state="full"]').waitFor();
    await page.getByText('20 pages of this tenant are open already').waitFor();
    await page.getByRole('table', { name: 'Runs that wait for llm' }).waitFor();
    server.isFull = false;
    await page.locator('.live[data-state="live"]').waitFor();
    await page.getByText('20 pages of this tenant').waitFor({ state: 'detached' });
  });

  it('says that a chart could not be loaded, and shows the rest', async () => {
    const { page } = opened;
    await page.route('**/assets/plot-*.js', (route) => route.abort());
    await page.goto(`${origin}/console/t/demo/now#token=${ADMIN}`);
    await page.getByText('The chart could not be loaded').waitFor();
    await page.getByText('The line').waitFor();
  });

  it('opens an application whose name is a path', async () => {
    const { page } = opened;
    await signIn(page, origin, ADMIN);
    await page.goto(`${origin}/console/t/demo/applications`);
    await page.getByRole('link', { name: '..', exact: true }).click();
    await page.getByRole('heading', { name: '..', exact: true }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: '..', exact: true }).waitFor();
  });

  it('says that a tenant is not there, when its stream says so', async () => {
    const { page } = opened;
    await signIn(page, origin, ADMIN);
    await page.goto(`${origin}/console/t/demo/now`);
    await page.locator('.live[data-state="live"]').waitFor();
    server.cut(4_404);
    await page.getByText('There is no tenant demo').waitFor();
  });

  it('signs out, and forgets the token', async () => {
    const { page } = opened;
    await signIn(page, origin, ADMIN);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Admin token').waitFor();
    await page.reload();
    await page.getByLabel('Admin token').waitFor();
  });
});

inBrowser('versions', () => {
  it('are told apart: an older service, and an older page', async () => {
    const own = await launchChromium();
    for (const [contract, words] of [
      [0, 'The service is older than this page'],
      [99, 'This page is older than the service'],
    ] as const) {
      const other = new FakeServer({ waiting: 1, contract });
      const there = await other.listen();
      const { page, close } = await openPage(own, there);
      await signIn(page, there, ADMIN);
      await page.getByText(words).waitFor();
      await close();
      await other.close();
    }
    await own.close();
  });
});

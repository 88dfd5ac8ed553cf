/**
 * What the first script asks before the page's code is there is what the screen needs, and is taken
 * over by it: each path is asked once. Where it is late, wrong or refused, the page shows what it
 * would without.
 */
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import '../../src/console/begin/begun.ts';
import { launchChromium } from './chromium.ts';
import { ADMIN, TENANT_KEY } from './fake/api.ts';
import { FakeServer } from './fake/server.ts';
import { inBrowser, type OpenPage, openPage } from './open-page.ts';

/** Each with a text that is there once the screen is drawn. */
const SCREENS = [
  ['now', 'The line'],
  ['applications', 'helpdesk'],
  ['applications?q=help', 'helpdesk'],
  ['applications/code-review', 'How its runs go'],
  ['runs', 'run-7ps'],
  ['runs?state=failed', 'run-7pl'],
  ['runs/run-7pn', 'Waterfall'],
  ['calls/call-1', 'Who it is of'],
  ['warmth', 'Cost and gain'],
  ['warmth?window=7d', 'Cost and gain'],
  ['what-if', 'The same runs, but'],
  ['settings', 'Review and save'],
  ['settings/versions', 'What it changed'],
  ['settings/keys', 'k-team-a'],
] as const;

let browser: Browser;
let server: FakeServer;
let origin: string;
let opened: OpenPage;

inBrowser('the first answers', () => {
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    server = new FakeServer({ waiting: 5 });
    origin = await server.listen();
    opened = await openPage(browser, origin, { expected: [401, 403, 404, 503] });
  });
  afterEach(async () => {
    await opened.close();
    await server.close();
  });

  it.each(SCREENS)('are those of %s, and no path is asked twice', async (path, text) => {
    const { page, faults } = opened;
    await page.goto(`${origin}/console/t/demo/${path}#token=${ADMIN}`);
    await page.getByText(text).first().waitFor();
    const reads = server.asked.filter((asked) => asked.startsWith('GET '));
    expect(reads).toContain('GET session');
    expect(reads.length).toBeGreaterThan(1);
    expect(reads).toEqual([...new Set(reads)]);
    // What nobody took over was asked in vain, as of a path that differs from the screen's.
    const left = await page.evaluate(() => [...(globalThis.talariaBegun?.answers.keys() ?? [])]);
    expect(left).toEqual([]);
    expect(faults).toEqual([]);
  });

  it('are one answer at the start, for who may look at one tenant only', async () => {
    const { page, faults } = opened;
    await page.goto(`${origin}/console/#token=${TENANT_KEY}`);
    await page.getByText('The line').waitFor();
    expect(page.url()).toMatch(/\/t\/demo\/now$/);
    expect(server.asked.filter((asked) => asked.startsWith('GET '))).toEqual([
      'GET session?first=now',
    ]);
    expect(faults).toEqual([]);
  });

  it('are asked with the token that was given, and with none where nobody is signed in', async () => {
    const { page } = opened;
    await page.goto(`${origin}/console/t/demo/now`);
    await page.getByLabel('Admin token').waitFor();
    expect(server.asked).toEqual([]);
    expect(await page.locator('.outline').count()).toBe(0);
    await page.goto(`${origin}/console/t/demo/now#token=wrong`);
    await page.reload();
    await page.getByText('The token is not accepted').waitFor();
    expect(page.url()).not.toContain('wrong');
  });

  it('are no reason to wait: the frame is there while they are late', async () => {
    const { page } = opened;
    let release = () => {};
    const late = new Promise<void>((done) => {
      release = done;
    });
    await page.route('**/tenants/demo/now', async (route) => {
      await late;
      await route.continue();
    });
    server.refusesStreams = true;
    await page.goto(`${origin}/console/t/demo/now#token=${TENANT_KEY}`);
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    expect(await page.getByText('The line').count()).toBe(0);
    release();
    await page.getByText('The line').waitFor();
  });

  it('are asked again by the screen where they failed', async () => {
    const { page } = opened;
    server.instead.set('/applications', { status: 503, body: {} });
    await page.goto(`${origin}/console/t/demo/applications#token=${ADMIN}`);
    await page.getByText('Too many requests').waitFor();
    server.instead.clear();
    await page.getByText('helpdesk').waitFor();
  });

  it('are not shown to the next caller', async () => {
    const { page } = opened;
    await page.goto(`${origin}/console/t/busy/applications#token=${ADMIN}`);
    await page.getByRole('link', { name: 'helpdesk' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.goto(`${origin}/console/t/busy/applications#token=${TENANT_KEY}`);
    await page.reload();
    await page.getByText('There is no tenant busy').or(page.getByText('not allowed')).waitFor();
    expect(await page.getByText('helpdesk').count()).toBe(0);
  });
});

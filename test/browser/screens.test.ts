/**
 * Each screen on the fake server: drawn without an error, without a request elsewhere, without
 * serious findings of an audit, in light and dark, and as narrow as a phone.
 */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchChromium } from './chromium.ts';
import { ADMIN } from './fake/api.ts';
import { HOSTILE_NAME } from './fake/apps.ts';
import { FakeServer } from './fake/server.ts';
import { inBrowser, LONG_MS, openPage, overflowPx, seriousFindings, signIn } from './open-page.ts';

/** Each with a text that is there once the screen is drawn. */
const SCREENS = [
  ['/t/demo/now', 'The line'],
  ['/t/empty/now', 'Nothing waits here'],
  ['/t/demo/applications', 'helpdesk'],
  ['/t/empty/applications', 'No application is known yet'],
  ['/t/demo/applications/code-review', 'How its runs go'],
  [`/t/demo/applications/${encodeURIComponent(HOSTILE_NAME)}`, 'How its runs go'],
  ['/t/demo/runs', 'run-7ps'],
  ['/t/demo/runs?state=failed', 'run-7pl'],
  ['/t/empty/runs', 'No run is known yet'],
  ['/t/demo/runs/run-7pn', 'Waterfall'],
  ['/t/demo/calls/call-1', 'Who it is of'],
  ['/t/demo/warmth', 'Cost and gain'],
  ['/t/demo/warmth?window=7d', 'Cost and gain'],
  ['/t/demo/what-if', 'What if'],
  ['/t/demo/settings', 'Settings'],
  ['/t/demo/settings/keys', 'Settings'],
  ['/t/demo/nothing-like-it', 'no such screen'],
] as const;

const KINDS = [
  ['light', { colorScheme: 'light', viewport: { width: 1280, height: 800 } }],
  ['dark', { colorScheme: 'dark', viewport: { width: 1280, height: 800 } }],
  ['narrow', { colorScheme: 'light', viewport: { width: 390, height: 844 } }],
] as const;

let browser: Browser;
let server: FakeServer;
let origin: string;

inBrowser('screens', () => {
  beforeAll(async () => {
    server = new FakeServer({ waiting: 400 });
    origin = await server.listen();
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  it.each(KINDS)(
    'are drawn, audited and fit (%s)',
    async (_, context) => {
      const { page, faults, close } = await openPage(browser, origin, context);
      await signIn(page, origin, ADMIN);
      for (const [path, text] of SCREENS) {
        await page.goto(`${origin}/console${path}`);
        await page.getByText(text).first().waitFor();
        expect({ path, findings: await seriousFindings(page) }).toEqual({ path, findings: [] });
        expect({ path, overflow: await overflowPx(page) }).toEqual({ path, overflow: 0 });
        expect({ path, faults }).toEqual({ path, faults: [] });
      }
      await close();
    },
    LONG_MS,
  );

  it('show names of clients as text', async () => {
    const { page, faults, close } = await openPage(browser, origin);
    await signIn(page, origin, ADMIN);
    page.on('dialog', () => faults.push('a script of a name ran'));
    await page.goto(`${origin}/console/t/demo/applications`);
    await page.getByRole('link', { name: HOSTILE_NAME }).click();
    await page.getByRole('heading', { name: HOSTILE_NAME }).waitFor();
    expect(await page.locator('main img').count()).toBe(0);
    expect(faults).toEqual([]);
    await close();
  });

  it('have addresses: back and forward, and a reload, come to the same place', async () => {
    const { page, faults, close } = await openPage(browser, origin);
    await signIn(page, origin, ADMIN);
    await page.goto(`${origin}/console/t/demo/runs`);
    await page.getByRole('link', { name: 'claude-cli' }).first().click();
    await page.getByRole('heading', { name: 'Waterfall' }).waitFor();
    const address = page.url();
    await page.goBack();
    await page.getByRole('heading', { name: 'Runs' }).waitFor();
    await page.goForward();
    await page.getByRole('heading', { name: 'Waterfall' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Waterfall' }).waitFor();
    expect(page.url()).toBe(address);
    expect(faults).toEqual([]);
    await close();
  });

  it('are reached by the keyboard alone', async () => {
    const { page, close } = await openPage(browser, origin);
    await signIn(page, origin, ADMIN);
    await page.goto(`${origin}/console/t/demo/now`);
    await page.getByText('The line').waitFor();
    // No key is lost between the opening and the next drawing, and the last one counts at once.
    const focused = await page.evaluate(() => {
      dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true }));
      return document.activeElement?.getAttribute('role');
    });
    expect(focused).toBe('combobox');
    await page.evaluate(() => {
      const field = document.activeElement as HTMLInputElement;
      field.value = 'warmth';
      field.dispatchEvent(new InputEvent('input', { bubbles: true }));
      field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
    });
    await page.waitForURL(/\/warmth$/);
    // One that is open again before it is told that it was closed is empty.
    await page.keyboard.press('Control+k');
    await page.keyboard.type('warm');
    const left = await page.evaluate(() => {
      for (let i = 0; i < 2; i += 1) {
        dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true }));
      }
      return (document.activeElement as HTMLInputElement).value;
    });
    expect(left).toBe('');
    await page.keyboard.type('code-rev');
    await page.getByRole('option', { name: 'code-review', selected: true }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'code-review' }).waitFor();
    // The units of the graph are buttons.
    await page.getByRole('button', { name: /^plan/ }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('region', { name: 'Unit plan' }).waitFor();
    await page.keyboard.press('Control+k');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+k');
    await page.keyboard.type('runs');
    await page.keyboard.press('Enter');
    await page.getByText('run-7ps').waitFor();
    await page.locator('a.row-link').first().focus();
    await page.keyboard.press('ArrowDown');
    await page.waitForFunction(() => document.activeElement?.closest('[data-index="1"]'));
    await close();
  });
});

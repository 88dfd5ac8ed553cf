/** The screen What if on the fake server: a replay beside what really happened, and its files. */
import { readFile } from 'node:fs/promises';
import { DOMParser } from 'linkedom';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchChromium } from './chromium.ts';
import { ADMIN } from './fake/api.ts';
import { FakeServer } from './fake/server.ts';
import { inBrowser, openPage, overflowPx, seriousFindings, signIn } from './open-page.ts';

let browser: Browser;
let server: FakeServer;
let origin: string;

inBrowser('what if', () => {
  beforeAll(async () => {
    // Enough for a distribution; a replay of more takes longer, and goes through no other code.
    server = new FakeServer({ waiting: 10, traceRuns: 150 });
    origin = await server.listen();
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  it.each([1_280, 390])('replays recorded runs (%i px wide)', async (width) => {
    const viewport = { width, height: 800 };
    const { page, faults, close } = await openPage(browser, origin, { viewport });
    await signIn(page, origin, ADMIN);
    await page.goto(`${origin}/console/t/demo/what-if`);
    await page.getByRole('button', { name: 'Replay' }).click();
    await page.getByRole('heading', { name: 'What would have been' }).waitFor();
    const row = page.getByRole('row', { name: /^all / });
    expect(await row.getByRole('cell').count()).toBe(10);
    expect(await row.textContent()).not.toContain('–');
    await page.locator('.chart canvas').waitFor();
    expect(await page.locator('.chart canvas').count()).toBe(1);
    expect(await seriousFindings(page)).toEqual([]);
    expect(await overflowPx(page)).toBe(0);
    expect(faults).toEqual([]);
    await close();
  });

  it('keeps a number as it is typed, key by key', async () => {
    const { page, close } = await openPage(browser, origin);
    await signIn(page, origin, ADMIN);
    await page.goto(`${origin}/console/t/demo/what-if`);
    const price = page.getByRole('spinbutton', { name: 'Price of a warm second' });
    await price.fill('');
    await price.pressSequentially('0.00012345678');
    expect(await price.inputValue()).toBe('0.00012345678');
    await page.getByRole('button', { name: 'As configured' }).click();
    expect(await price.inputValue()).toBe('0.00025');
    await close();
  });

  it('says which field cannot be, and replays nothing then', async () => {
    const { page, close } = await openPage(browser, origin);
    await signIn(page, origin, ADMIN);
    await page.goto(`${origin}/console/t/demo/what-if`);
    await page.getByRole('spinbutton', { name: 'Endpoints' }).first().fill('0');
    await page.getByText('Endpoints of llm: a whole number').waitFor();
    expect(await page.getByRole('button', { name: 'Replay' }).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'As configured' }).click();
    expect(await page.getByRole('button', { name: 'Replay' }).isEnabled()).toBe(true);
    await close();
  });

  it('saves the times of each run', async () => {
    const { page, close } = await openPage(browser, origin);
    await signIn(page, origin, ADMIN);
    await page.goto(`${origin}/console/t/demo/what-if`);
    await page.getByRole('button', { name: 'Replay' }).click();
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save the times' }).click();
    const lines = (await readFile(await (await download).path(), 'utf8')).trimEnd().split('\r\n');
    expect(lines[0]).toBe('outcome,application,completion_ms');
    expect(lines.filter((line) => line.startsWith('"what if"'))).toHaveLength(150);
    await close();
  });

  it('saves the figure as an SVG with the names of its lines', async () => {
    const { page, faults, close } = await openPage(browser, origin);
    await signIn(page, origin, ADMIN);
    await page.goto(`${origin}/console/t/demo/what-if`);
    await page.getByRole('button', { name: 'Replay' }).click();
    const saved = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save the figure' }).click();
    const download = await saved;
    expect(download.suggestedFilename()).toBe('what-if.svg');
    const text = await readFile(await download.path(), 'utf8');
    // Not in the page, whose policy is for its own elements.
    const { documentElement } = new DOMParser().parseFromString(text, 'image/svg+xml');
    expect(documentElement.tagName).toBe('svg');
    expect(documentElement.querySelectorAll('[aria-label="line"] path')).toHaveLength(3);
    for (const name of ['really', 'as configured, replayed', 'what if', 'Completion time']) {
      expect(text).toContain(name);
    }
    expect(faults).toEqual([]);
    await close();
  });

  it('has words for a tenant without runs', async () => {
    const { page, close } = await openPage(browser, origin);
    await signIn(page, origin, ADMIN);
    await page.goto(`${origin}/console/t/empty/what-if`);
    await page.getByText('No run has ended yet').waitFor();
    await close();
  });
});

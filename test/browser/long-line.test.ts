/**
 * 10,000 waiting runs, which change twice a second, while the line is scrolled to its end: the page
 * must not stutter. What each task of the page takes of a processor is measured by the browser, which
 * other work of the machine changes little.
 */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchChromium } from './chromium.ts';
import { ADMIN } from './fake/api.ts';
import { FakeServer } from './fake/server.ts';
import { inBrowser, LONG_MS, openPage, SLOWDOWN, signIn } from './open-page.ts';

const WAITING = 10_000;
const BOUND_MS = 100;

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Of the thread's own time, µs. */
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

/** Processor time of each task of the renderers' main threads, ms. */
function tasksMs(trace: Buffer): number[] {
  const { traceEvents } = JSON.parse(String(trace)) as { traceEvents: TraceEvent[] };
  const place = ({ pid, tid }: TraceEvent) => `${pid} ${tid}`;
  const main = new Set(
    traceEvents
      .filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain')
      .map(place),
  );
  return traceEvents
    .filter((event) => event.name.endsWith('RunTask') && main.has(place(event)))
    .flatMap(({ tdur }) => (tdur === undefined ? [] : [tdur / 1_000]));
}

let browser: Browser;
let server: FakeServer;

inBrowser('a line of 10,000 runs', () => {
  beforeAll(async () => {
    server = new FakeServer({ waiting: WAITING });
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  it(
    'is scrolled to its end without a long task, and few rows are in the page',
    async () => {
      const origin = await server.listen(0, 500);
      const { page, faults, close } = await openPage(browser, origin);
      await signIn(page, origin, ADMIN);
      await page.goto(`${origin}/console/t/busy/now`);
      await page.getByText('200 of 10,000 runs loaded').waitFor();
      await browser.startTracing(page, { categories: ['toplevel', '__metadata'] });
      const body = page.locator('.table-body').first();
      const loaded = () => page.locator('.now-foot').innerText();
      let rounds = 0;
      while (!(await loaded()).startsWith('10,00') && rounds < 400) {
        await body.evaluate((element) => element.scrollTo(0, element.scrollHeight));
        await page.evaluate(() => new Promise(requestAnimationFrame));
        rounds += 1;
      }
      expect(await loaded()).toMatch(/^10,00\d runs/);
      expect(await page.locator('.table').first().locator('.table-row').count()).toBeLessThan(60);
      const tasks = tasksMs(await browser.stopTracing());
      const longest = tasks.reduce((most, ms) => Math.max(most, ms), 0);
      console.log(
        `longest of ${tasks.length} tasks ${Math.round(longest)} ms, ` +
          `${tasks.filter((ms) => ms > 50).length} over 50 ms, ${rounds} rounds`,
      );
      expect(tasks.length).toBeGreaterThan(100);
      expect(longest).toBeLessThan(BOUND_MS * SLOWDOWN);
      expect(faults).toEqual([]);
      await close();
    },
    LONG_MS,
  );
});

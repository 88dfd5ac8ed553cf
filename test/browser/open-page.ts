/**
 * A page of the console in a real browser, which keeps account of what must not happen: an error in
 * the browser's console, and a request that leaves the origin.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { describe } from 'vitest';
import { CHROMIUM, NO_CHROMIUM } from './chromium.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/**
 * How many times slower the pages compute than the machine does, as a slow phone or a busy machine
 * would: `CPU_SLOWDOWN=8 npx vitest run --project browser` shows what depends on a fast page.
 */
export const SLOWDOWN = Number(process.env.CPU_SLOWDOWN ?? 1);
if (!(SLOWDOWN >= 1)) throw new Error('CPU_SLOWDOWN: a number of 1 or more.');

/** Below a test's own, so that the error names what was waited for. */
const PATIENCE_MS = 100_000;
/** Of a test that looks at many screens one after the other. */
export const LONG_MS = 600_000;

/** A group of tests that need the browser; skipped, with a word, where there is none. */
export function inBrowser(name: string, tests: () => void): void {
  if (CHROMIUM === undefined) console.warn(`${name}: skipped. ${NO_CHROMIUM}`);
  describe.skipIf(CHROMIUM === undefined)(name, tests);
}

export interface OpenPage {
  readonly page: Page;
  /** What must not happen; tests expect it to be empty. */
  readonly faults: string[];
  close(): Promise<void>;
}

export interface PageOptions extends BrowserContextOptions {
  /** Answers that a test brings about, which the browser reports as errors: by their status. */
  readonly expected?: readonly number[];
}

export async function openPage(
  browser: Browser,
  origin: string,
  { expected = [], ...context }: PageOptions = {},
): Promise<OpenPage> {
  // An audit runs code of its own, which the page's policy would refuse.
  const opened = await browser.newContext({
    reducedMotion: 'reduce',
    bypassCSP: false,
    ...context,
  });
  // No test is about time: a busy machine must not fail one.
  opened.setDefaultTimeout(PATIENCE_MS);
  const page = await opened.newPage();
  if (SLOWDOWN > 1) {
    const devtools = await opened.newCDPSession(page);
    await devtools.send('Emulation.setCPUThrottlingRate', { rate: SLOWDOWN });
  }
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() !== 'error') return;
    const status = Number(/status of (\d+)/.exec(message.text())?.[1]);
    if (!expected.includes(status)) faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`error: ${error.stack}`));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin !== origin && !['data:', 'blob:'].includes(url.protocol)) {
      faults.push(`left the origin: ${request.url()}`);
    }
  });
  return { page, faults, close: () => opened.close() };
}

/** Signs in by the link's fragment, as `npm start` prints it. */
export async function signIn(page: Page, origin: string, token: string): Promise<void> {
  await page.goto(`${origin}/console/#token=${encodeURIComponent(token)}`);
  await page.locator('.shell').waitFor();
}

/** Rules whose findings depend on colours alone; what else there is, the theme does not change. */
const COLOUR_RULES = ['color-contrast', 'link-in-text-block'];

/**
 * Serious and critical findings of axe, as `rule: element`. In the dark theme only colours are
 * looked at: the light one has the same elements.
 */
export async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return page.evaluate(async (colourRules) => {
    interface Finding {
      impact: string;
      id: string;
      nodes: Array<{ target: string[]; failureSummary: string }>;
    }
    interface Axe {
      run(options: object): Promise<{ violations: Finding[] }>;
    }
    const { axe } = window as unknown as { axe: Axe };
    const isDark = matchMedia('(prefers-color-scheme: dark)').matches;
    const { violations } = await axe.run({
      resultTypes: ['violations'],
      ...(isDark ? { runOnly: colourRules } : {}),
    });
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) =>
        nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')} ${failureSummary}`),
      );
  }, COLOUR_RULES);
}

/** How much wider than the window the page is, px: 0 where nothing must be scrolled sideways. */
export function overflowPx(page: Page): Promise<number> {
  return page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
}

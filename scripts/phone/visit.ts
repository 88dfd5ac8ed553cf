/**
 * One visit of the console on a slow phone: Chromium's own throttles of network and processor, and
 * what a person would see when. All times are ms from the start of the navigation.
 */
import type { BrowserContext, CDPSession, Page } from 'playwright-core';

/** The phone: its network as Chrome's "slow 4G", its processor against the machine's. */
export interface Phone {
  readonly rttMs: number;
  readonly bytesPerSec: number;
  readonly cpuSlowdown: number;
}

export interface VisitTimes {
  /** Something is painted: the outline of the page, or more. */
  readonly paintMs: number;
  /** The frame with its navigation is painted, by the page's code. */
  readonly shellMs: number;
  /** What the screen is for is painted. */
  readonly contentMs: number;
  /** A click that is made as soon as the content is there has acted, and is painted. */
  readonly actsMs: number;
  /** What came over the network until then, headers included. */
  readonly bytes: number;
  readonly requests: number;
}

/** A page of the phone, and the means to be told by it. */
export interface PhonePage {
  readonly page: Page;
  readonly devtools: CDPSession;
}

/** What the page calls when its click has acted; the same stands in `observe`. */
const SEEN = 'phoneHasActed';

/** What the page's observer writes; in the page. */
interface Seen {
  shell?: number;
  content?: number;
  acts?: number;
}

/** Opens a page of the phone in which `content`, a selector, says that a screen is there. */
export async function openPhone(
  context: BrowserContext,
  { rttMs, bytesPerSec, cpuSlowdown }: Phone,
  content: string,
): Promise<PhonePage> {
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send('Network.enable');
  await devtools.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: rttMs,
    downloadThroughput: bytesPerSec,
    uploadThroughput: bytesPerSec / 2,
  });
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: cpuSlowdown });
  await devtools.send('Runtime.enable');
  await devtools.send('Runtime.addBinding', { name: SEEN });
  await page.addInitScript(observe, content);
  return { page, devtools };
}

/** Goes to an address and waits until a click has acted. */
export async function visit({ page, devtools }: PhonePage, url: string): Promise<VisitTimes> {
  await page.goto(new URL('/console/config-schema.json', url).href);
  // The page tells by itself: whoever asks it again and again takes time of its thread.
  const acted = new Promise((done) => devtools.once('Runtime.bindingCalled', done));
  await page.goto(url, { waitUntil: 'commit' });
  await acted;
  return page.evaluate(() => {
    const { shell = 0, content: there = 0, acts = 0 } = (globalThis as { seen?: Seen }).seen ?? {};
    const [paint] = performance.getEntriesByName('first-paint');
    const loads = [
      ...performance.getEntriesByType('navigation'),
      ...performance.getEntriesByType('resource'),
    ] as PerformanceResourceTiming[];
    const early = loads.filter(({ startTime }) => startTime <= there);
    return {
      paintMs: paint?.startTime ?? 0,
      shellMs: shell,
      contentMs: there,
      actsMs: acts,
      bytes: early.reduce((sum, { transferSize }) => sum + transferSize, 0),
      requests: early.filter(({ transferSize }) => transferSize > 0).length,
    };
  });
}

/** In the page, from its start: looks once a frame, and notes the time after the frame is painted. */
function observe(content: string): void {
  const seen: Seen = {};
  Object.assign(globalThis, { seen });
  const painted = (then: (at: number) => void) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => then(performance.now());
    port2.postMessage(null);
  };
  const note = (name: keyof Seen, then?: () => void) => {
    if (seen[name] !== undefined) return;
    seen[name] = 0;
    painted((at) => {
      seen[name] = at;
      then?.();
    });
  };
  const click = (): void => {
    const button = document.querySelector<HTMLElement>('.shell button[aria-label^="Theme"]');
    const before = document.documentElement.dataset.theme;
    button?.click();
    if (document.documentElement.dataset.theme === before) setTimeout(click);
    else
      requestAnimationFrame(() =>
        painted((at) => {
          seen.acts = at;
          (globalThis as { phoneHasActed?: (text: string) => void }).phoneHasActed?.('');
        }),
      );
  };
  const look = () => {
    if (document.querySelector('.shell')) note('shell');
    if (document.querySelector(content)) note('content', click);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

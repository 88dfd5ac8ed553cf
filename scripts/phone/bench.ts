/**
 * `npm run bench:console -- --phone`: how long a slow phone waits for each screen of the console, with
 * an empty cache and on the next visit. The page is the built one as the Worker serves it, the API is
 * the fake one of the browser's tests, which answers at once: what is measured is what the page costs.
 */

import { launchChromium } from '../../test/browser/chromium.ts';
import { ADMIN, TENANT_KEY } from '../../test/browser/fake/api.ts';
import { FakeServer } from '../../test/browser/fake/server.ts';
import { ensureAssets } from '../console-assets.ts';
import { median } from '../gateway/gateway-table.ts';
import { openPhone, type Phone, type VisitTimes, visit } from './visit.ts';

/** Chrome's "slow 4G", and a phone that computes at a quarter of this machine's speed. */
const PHONE: Phone = { rttMs: 150, bytesPerSec: 200_000, cpuSlowdown: 4 };
const VIEWPORT = { width: 390, height: 844 };
/** Runs that wait in the tenant `busy`. */
const WAITING = 10_000;

/** Each screen's address below `/console`, and what says that what it is for is there. */
const PHONE_SCREENS: ReadonlyArray<readonly [name: string, path: string, content: string]> = [
  ['start', '/', '[aria-labelledby="line"] .table-row'],
  ['now', '/t/demo/now', '[aria-labelledby="line"] .table-row'],
  ['now, 10,000 wait', '/t/busy/now', '[aria-labelledby="line"] .table-row'],
  ['applications', '/t/demo/applications', '.table-row'],
  ['application', '/t/demo/applications/code-review', '[aria-labelledby="graph"] svg'],
  ['runs', '/t/demo/runs', '.table-row'],
  [
    'run',
    '/t/demo/runs/run-7pn',
    '[aria-labelledby="waterfall"] svg, main .lanes, main .time-lanes',
  ],
  ['call', '/t/demo/calls/call-1', 'main .card'],
  ['warmth', '/t/demo/warmth', 'main .card'],
  ['what if', '/t/demo/what-if', '.what-if-form'],
  ['settings', '/t/demo/settings', 'main textarea'],
];

export interface PhoneOptions {
  readonly rounds: number;
  /** Only screens with one of these words in their names; all where none is given. */
  readonly wanted: readonly string[];
}

export async function benchPhone({ rounds, wanted }: PhoneOptions): Promise<void> {
  await ensureAssets();
  const server = new FakeServer({ waiting: WAITING });
  const origin = await server.listen();
  const browser = await launchChromium();
  const screens = PHONE_SCREENS.filter(
    ([name]) => wanted.length === 0 || wanted.some((word) => name.startsWith(word)),
  );
  const measured = new Map<string, { cold: VisitTimes[]; warm: VisitTimes[] }>();
  try {
    // The screens take turns, since the machine's speed drifts.
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, path, content] of screens) {
        const context = await browser.newContext({ viewport: VIEWPORT, hasTouch: true });
        const phone = await openPhone(context, PHONE, content);
        // A tenant's key has no tenant to choose.
        const token = path === '/' ? TENANT_KEY : ADMIN;
        const address = `${origin}/console${path}#token=${token}`;
        const of = measured.get(name) ?? { cold: [], warm: [] };
        measured.set(name, of);
        of.cold.push(await visit(phone, address));
        of.warm.push(await visit(phone, address));
        await context.close();
      }
    }
  } finally {
    await browser.close();
    await server.close();
  }
  print(measured, rounds);
}

function print(
  measured: ReadonlyMap<string, { cold: VisitTimes[]; warm: VisitTimes[] }>,
  rounds: number,
): void {
  const { rttMs, bytesPerSec, cpuSlowdown } = PHONE;
  console.log(
    `${rttMs} ms round trip, ${bytesPerSec / 1_000} kB/s, processor ${cpuSlowdown} times slower; median (least to most) of ${rounds} rounds, ms`,
  );
  console.log('| screen | cache | first paint | shell | content | a click acts | kB | requests |');
  console.log('|---|---|---|---|---|---|---|---|');
  for (const [name, visits] of measured) {
    for (const cache of ['cold', 'warm'] as const) {
      const of = visits[cache];
      const cells = (['paintMs', 'shellMs', 'contentMs', 'actsMs'] as const).map((key) =>
        spread(of.map((one) => one[key])),
      );
      const kb = (median(of.map(({ bytes }) => bytes)) / 1_000).toFixed(1);
      const requests = median(of.map((one) => one.requests));
      console.log(`| ${name} | ${cache} | ${cells.join(' | ')} | ${kb} | ${requests} |`);
    }
  }
}

function spread(values: readonly number[]): string {
  const [least, middle, most] = [Math.min(...values), median(values), Math.max(...values)];
  return `${middle.toFixed(0)} (${least.toFixed(0)} to ${most.toFixed(0)})`;
}

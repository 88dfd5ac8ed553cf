/**
 * `npm run shots:console -- FOLDER [SCREEN…]`: pictures of the screens on the fake server, light,
 * dark and as narrow as a phone, to look at. ORIGIN and TOKEN name a real server instead.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { launchChromium } from './chromium.ts';
import { ADMIN } from './fake/api.ts';
import { FakeServer } from './fake/server.ts';

const [folder = 'shots', ...wanted] = process.argv.slice(2);
const TENANT = process.env.TENANT ?? 'demo';

const PLACES: Readonly<Record<string, string>> = {
  'sign-in': '',
  tenants: '/console',
  now: `/console/t/${TENANT}/now`,
  'now-busy': '/console/t/busy/now',
  'now-empty': '/console/t/empty/now',
  applications: `/console/t/${TENANT}/applications`,
  application: `/console/t/${TENANT}/applications/code-review`,
  runs: `/console/t/${TENANT}/runs`,
  run: `/console/t/${TENANT}/runs/run-7pn`,
  call: `/console/t/${TENANT}/calls/call-1`,
  warmth: `/console/t/${TENANT}/warmth`,
  'what-if': `/console/t/${TENANT}/what-if`,
  settings: `/console/t/${TENANT}/settings`,
  versions: `/console/t/${TENANT}/settings/versions`,
  keys: `/console/t/${TENANT}/settings/keys`,
  audit: `/console/t/${TENANT}/settings/audit`,
  playground: `/console/t/${TENANT}/settings/playground`,
};

const KINDS = [
  { name: 'light', colorScheme: 'light', viewport: { width: 1360, height: 860 } },
  { name: 'dark', colorScheme: 'dark', viewport: { width: 1360, height: 860 } },
  { name: 'narrow', colorScheme: 'light', viewport: { width: 390, height: 844 } },
] as const;

await mkdir(folder, { recursive: true });
const fake = process.env.ORIGIN === undefined ? new FakeServer({ waiting: 10_000 }) : undefined;
const origin = process.env.ORIGIN ?? (await fake?.listen(0, 1_000)) ?? '';
const browser = await launchChromium();
for (const { name: kind, ...context } of KINDS) {
  const opened = await browser.newContext({ ...context, deviceScaleFactor: 1 });
  const page = await opened.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error') console.error(`${kind}: ${message.text()}`);
  });
  page.on('pageerror', (error) => console.error(`${kind}: ${error.stack}`));
  await page.goto(`${origin}/console/`);
  if (wanted.length === 0 || wanted.includes('sign-in')) {
    await page.screenshot({ path: join(folder, `sign-in-${kind}.png`) });
  }
  await page.goto(`${origin}/console/#token=${process.env.TOKEN ?? ADMIN}`);
  await page.reload();
  for (const [name, path] of Object.entries(PLACES)) {
    if (path === '' || (wanted.length > 0 && !wanted.includes(name))) continue;
    await page.goto(origin + path);
    await page.waitForTimeout(Number(process.env.WAIT_MS ?? 900));
    await page.screenshot({
      path: join(folder, `${name}-${kind}.png`),
      fullPage: kind !== 'narrow' || !!process.env.FULL,
    });
  }
  await opened.close();
}
await browser.close();
await fake?.close();

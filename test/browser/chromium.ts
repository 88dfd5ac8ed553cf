/**
 * A real browser: Debian's Chromium, driven by playwright-core. CHROMIUM names another one. Where
 * there is none, tests are skipped with a word that says how to get it.
 */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Undefined where no browser is installed. */
export const CHROMIUM = [process.env.CHROMIUM ?? '', ...PLACES].find(
  (path) => path !== '' && existsSync(path),
);

export const NO_CHROMIUM =
  'No Chromium is installed: `apt-get install -y chromium`, or name one by CHROMIUM.';

export function launchChromium(): Promise<Browser> {
  if (CHROMIUM === undefined) throw new Error(NO_CHROMIUM);
  // In a container the sandbox has no rights, and shared memory is small.
  const args = ['--no-sandbox', '--disable-dev-shm-usage', '--force-color-profile=srgb'];
  return chromium.launch({ executablePath: CHROMIUM, args });
}

/**
 * Makes what the Worker serves as static assets, in dist-console: the console's page, by Vite, and
 * the API's description and the configuration's schema, which the Worker would need libraries to
 * make, and the help of metrics. The page is built where it is missing or older than its sources, so whoever starts, tests or
 * deploys the Worker calls this first.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { HELP, HELP_ASSET } from '../src/metrics/help.ts';
import { configSchema, openApiDocument } from '../src/openapi/document.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** The folder that `[assets]` in wrangler.toml names. */
export const ASSETS_DIR = join(ROOT, 'dist-console');
/** What the page is made from; the simulator runs in it. */
const PAGE_SOURCES = [
  'src/console',
  'src/protocol',
  'src/core',
  'scripts/sim',
  'scripts/console-pages.ts',
  'vite.console.config.ts',
  'package-lock.json',
];
/** Not in the folder itself, all of which is deployed. */
const STAMP = join(ROOT, '.wrangler/console-assets');

/** Builds what is missing or stale. Rejects with Vite's output where the page cannot be built. */
export async function ensureAssets(): Promise<void> {
  await ensurePage();
  await writeIfOther('openapi.json', JSON.stringify(openApiDocument()));
  await writeIfOther('config-schema.json', JSON.stringify(configSchema()));
  await writeIfOther(HELP_ASSET, JSON.stringify(HELP));
}

async function ensurePage(): Promise<void> {
  const print = await printOf(PAGE_SOURCES);
  const built = await readFile(STAMP, 'utf8').catch(() => '');
  if (built === print && existsSync(join(ASSETS_DIR, 'index.html'))) return;
  const fresh = join(ROOT, `.wrangler/console-${process.pid}`);
  await mkdir(fresh, { recursive: true });
  await buildPage(fresh);
  // Whoever reads the folder meanwhile sees the old page or the new one, not a half.
  const old = `${fresh}-old`;
  await rename(ASSETS_DIR, old).catch(() => {});
  await rename(fresh, ASSETS_DIR).catch(async (error: unknown) => {
    // Another process was faster, with the same sources.
    if (!existsSync(join(ASSETS_DIR, 'index.html'))) throw error;
    await rm(fresh, { recursive: true });
  });
  await rm(old, { recursive: true, force: true });
  await writeFile(STAMP, print);
}

async function buildPage(outDir: string): Promise<void> {
  const args = ['run', '--silent', 'build:console', '--', '--outDir', outDir, '--emptyOutDir'];
  await promisify(execFile)('npm', args, { cwd: ROOT }).catch((error) => {
    throw new Error(`The console's page cannot be built:\n${error.stdout}${error.stderr}`);
  });
}

/** A fingerprint of files, and of all files in folders, by name and content. */
async function printOf(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) {
    for (const file of await filesOf(path)) {
      hash.update(`${file}\n`).update(await readFile(join(ROOT, file)));
    }
  }
  return hash.digest('hex');
}

async function filesOf(path: string): Promise<string[]> {
  const found = await stat(join(ROOT, path)).catch(() => undefined);
  if (!found) return [];
  if (found.isFile()) return [path];
  const entries = await readdir(join(ROOT, path), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length))
    .sort();
}

async function writeIfOther(name: string, text: string): Promise<void> {
  const path = join(ASSETS_DIR, name);
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return;
  const fresh = join(ROOT, `.wrangler/${name}-${process.pid}`);
  await writeFile(fresh, text);
  await rename(fresh, path);
}

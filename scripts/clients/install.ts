/** Installs a client from npm into a folder of its own, once for each set of versions. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Client, packageName } from './client.ts';

const run = promisify(execFile);
const PATIENCE_MS = 300_000;

/**
 * Installs the client below `folder` if it is not there yet; returns its folder. Rejects if npm has
 * no such version or cannot be reached.
 */
export async function install(client: Client, folder: string): Promise<string> {
  const dir = join(folder, client.name);
  const done = join(dir, `${client.packages.join(' ').replaceAll('/', '+')}.done`);
  if (existsSync(done)) return dir;
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'package.json'), '{"private":true}');
  const flags = ['--no-audit', '--no-fund', '--ignore-scripts', '--save-exact', '--loglevel=error'];
  const options = { cwd: dir, timeout: PATIENCE_MS };
  await run('npm', ['install', ...flags, ...client.packages], options);
  if (client.placedBy) {
    const home = join(dir, 'node_modules', packageName(client.packages[0] ?? ''));
    await run(process.execPath, [client.placedBy], { ...options, cwd: home });
  }
  await writeFile(done, '');
  return dir;
}

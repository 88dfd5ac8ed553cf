/** Each command that takes options tells which, and begins nothing. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** These take no options. */
const WITHOUT_OPTIONS = ['start', 'audit', 'build:assets', 'fake:console', 'shots:console'];

const { scripts } = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8')) as {
  scripts: Record<string, string>;
};
const commands = Object.entries(scripts).flatMap(([name, line]) => {
  const file = /^(?:exec )?node (scripts\/\S+\.ts)$/.exec(line)?.[1];
  return file === undefined || WITHOUT_OPTIONS.includes(name) ? [] : [[name, file] as const];
});

describe('--help', () => {
  it.each([...commands, ['the emulated endpoint', 'scripts/gpu/main.ts'] as const])(
    'of %s prints its usage',
    async (_name, file) => {
      const run = promisify(execFile)(process.execPath, [file, '--help'], { cwd: ROOT });
      const { stdout, stderr } = await run;
      expect({ stdout, stderr }).toMatchObject({
        stdout: '',
        stderr: expect.stringMatching(/^usage: (npm run|node scripts)/),
      });
    },
  );
});

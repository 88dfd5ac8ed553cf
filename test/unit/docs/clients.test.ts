/** The snippets of docs/clients.md are the files that `npm run clients` runs. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CODING_AGENTS } from '../../../scripts/clients/coding-agents.ts';
import { FRAMEWORKS } from '../../../scripts/clients/frameworks.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const CLIENTS = join(ROOT, 'scripts/clients');
const text = readFileSync(join(ROOT, 'docs/clients.md'), 'utf8');
const files = ['homes', 'programs'].flatMap((folder) =>
  readdirSync(join(CLIENTS, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(CLIENTS.length + 1)),
);

describe('docs/clients.md', () => {
  it.each(files)('has %s word for word', (file) => {
    expect(text.includes(readFileSync(join(CLIENTS, file), 'utf8').trimEnd())).toBe(true);
  });

  it.each([...CODING_AGENTS, ...FRAMEWORKS].map(({ name, packages }) => [name, packages[0] ?? '']))(
    'has a row of %s in the version that is installed',
    (name, spec) => {
      const version = spec.slice(spec.lastIndexOf('@') + 1);
      expect(text.includes(`| ${name} | ${version} |`)).toBe(true);
    },
  );
});

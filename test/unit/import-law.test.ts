/**
 * The import law, tested for each pair of rooms: a file in each room imports every other room, and
 * the linter must report exactly the imports that are forbidden. The rules are in biome.json.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const CORE = [
  'gittins',
  'runs',
  'limits',
  'affinity',
  'adapters',
  'learning',
  'arrivals',
  'order',
  'backends',
  'waits',
  'prewarm',
];
const EDGE = ['http', 'endpoints', 'protocol', 'objects', 'apis', 'identity', 'config', 'auth'];
const TOP = ['metrics', 'calls', 'jobs', 'openapi', 'routes'];
const OBJECTS = ['durable-objects/tenant', 'durable-objects/jobs', 'durable-objects/directory'];

const core = (...rooms: string[]) => rooms.map((room) => `src/core/${room}`);
const edge = (...rooms: string[]) => rooms.map((room) => `src/${room}`);
const ALL_CORE = core(...CORE, 'dispatch');

/** The rooms that each room may import besides itself, as in docs/architecture.md. */
const LAW: Readonly<Record<string, readonly string[]>> = {
  'src/core/gittins': [],
  'src/core/runs': [],
  'src/core/limits': [],
  'src/core/affinity': core('runs'),
  'src/core/adapters': core('runs'),
  'src/core/learning': core('runs', 'gittins'),
  'src/core/arrivals': core('learning', 'runs', 'gittins'),
  'src/core/order': core('learning', 'runs', 'gittins'),
  'src/core/order/policies': core('order', 'learning', 'runs', 'gittins'),
  'src/core/backends': core(
    'arrivals',
    'order',
    'affinity',
    'adapters',
    'learning',
    'runs',
    'gittins',
  ),
  'src/core/prewarm': core(
    'backends',
    'adapters',
    'arrivals',
    'order',
    'learning',
    'runs',
    'gittins',
  ),
  'src/core/waits': core('backends', 'order', 'learning', 'runs', 'gittins'),
  'src/core/dispatch': core(
    'prewarm',
    'waits',
    'backends',
    'arrivals',
    'order',
    'learning',
    'runs',
    'gittins',
  ),
  'src/http': [],
  'src/endpoints': edge('http'),
  'src/protocol': [...ALL_CORE, ...edge('endpoints')],
  'src/protocol/console': [],
  'src/objects': edge('protocol'),
  'src/apis': edge('http', 'protocol'),
  'src/apis/streams': edge('apis', 'http', 'protocol'),
  'src/identity': edge('apis', 'http', 'protocol'),
  'src/metrics': edge('protocol'),
  'src/config': [...ALL_CORE, ...edge('endpoints', 'http', 'objects', 'protocol')],
  'src/auth': edge('config', 'endpoints', 'http', 'objects', 'protocol'),
  'src/calls': edge(
    'endpoints',
    'config',
    'apis',
    'identity',
    'auth',
    'http',
    'objects',
    'protocol',
  ),
  'src/jobs': edge('calls', 'apis', 'config', 'http', 'objects', 'protocol'),
  'src/openapi': edge('apis', 'config', 'http', 'jobs'),
  'src/routes': edge(
    ...['calls', 'jobs', 'apis', 'auth', 'config', 'http', 'identity', 'objects', 'openapi'],
    'metrics',
    'protocol',
  ),
  'src/console': [],
  'src/console/screens/what-if': ALL_CORE,
  'src/routes/console': edge('auth', 'config', 'http', 'objects', 'protocol', 'routes'),
  'durable-objects': edge('protocol'),
  'durable-objects/tenant/console': [
    ...ALL_CORE,
    ...edge('protocol', 'config'),
    'durable-objects/tenant',
  ],
  'durable-objects/tenant': [...ALL_CORE, ...edge('metrics', 'protocol', 'config', 'endpoints')],
  'durable-objects/jobs': [...core('limits'), ...edge('metrics', 'protocol', 'config', 'jobs')],
  'durable-objects/directory': edge('protocol'),
};

const ROOMS = [...ALL_CORE, ...edge(...EDGE, ...TOP), ...OBJECTS];
const PACKAGES = [
  'cloudflare:workers',
  'hono',
  'zod/mini',
  'node:fs',
  'itty-durable/itty-durable.js',
];

let folder: string;
/** The imports that the linter reports, by room. */
let refused: Map<string, { lines: Set<number>; messages: string[] }>;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'import-law-'));
  cpSync(join(ROOT, 'biome.json'), join(folder, 'biome.json'));
  cpSync(join(ROOT, 'scripts/lint'), join(folder, 'scripts/lint'), { recursive: true });
  for (const room of Object.keys(LAW)) write(`${room}/probe.ts`, probe(room));
  refused = refusals();
});

afterAll(() => rmSync(folder, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

/**
 * A file with one import of each room a line. They are type imports, which count like all others.
 */
function probe(room: string): string {
  const from = (target: string) => {
    const path = relative(room, `${target}/target.ts`);
    return path.startsWith('.') ? path : `./${path}`;
  };
  const rooms = ROOMS.map((target, i) => `import type { T${i} } from '${from(target)}';`);
  const packages = PACKAGES.map((name, i) => `import type { P${i} } from '${name}';`);
  return `${[...rooms, ...packages].join('\n')}\n`;
}

function refusals(): typeof refused {
  const biome = join(ROOT, 'node_modules/@biomejs/biome/bin/biome');
  const args = [biome, 'lint', '--vcs-enabled=false', '--only=style/noRestrictedImports'];
  const ran = spawnSync(
    process.execPath,
    [...args, '--max-diagnostics=none', '--reporter=json', '.'],
    { cwd: folder, encoding: 'utf8', maxBuffer: 64_000_000 },
  );
  const found: typeof refused = new Map();
  for (const { location, message } of JSON.parse(ran.stdout).diagnostics) {
    const room = dirname(location.path);
    const entry = found.get(room) ?? { lines: new Set(), messages: [] };
    entry.lines.add(location.start.line);
    entry.messages.push(message);
    found.set(room, entry);
  }
  return found;
}

it.each(Object.entries(LAW))('%s imports what it may, and nothing else', (room, allowed) => {
  const lines = refused.get(room)?.lines ?? new Set();
  const passed = ROOMS.filter((_, i) => !lines.has(i + 1)).filter((target) => target !== room);
  expect(passed.sort()).toEqual([...allowed].sort());
});

it.each(ALL_CORE)('%s imports no package', (room) => {
  const lines = refused.get(room)?.lines;
  for (const i of PACKAGES.keys()) expect(lines).toContain(ROOMS.length + i + 1);
});

it('says where a line that is refused belongs', () => {
  for (const [, { messages }] of refused) {
    for (const message of messages)
      expect(message).toMatch(/belongs?|Pass what it needs|RankInputs/);
  }
});

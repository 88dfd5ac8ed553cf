/**
 * Portkey's gateway, installed from npm for the run. The package holds the build for Node; for
 * workerd the same file is bundled with its server replaced by a Worker's handler, since the
 * package has no other build. Portkey chooses what it does differently by the runtime that it finds.
 */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';

const PORTKEY = '@portkey-ai/gateway@1.15.2';
/** Newer ones, which its range allows, hand it headers that it may not change: streams end in 500. */
const OVERRIDES = { '@hono/node-server': '1.13.7' };
const INSTALL_PATIENCE_MS = 300_000;

/** Headers that have Portkey forward to an endpoint. */
export const portkeyHeaders = (endpoint: string) => ({
  authorization: 'Bearer key',
  'x-portkey-provider': 'openai',
  'x-portkey-custom-host': endpoint,
});

/** Installs Portkey below a folder; returns the file of its build for Node. Rejects without npm. */
export async function installPortkey(dir: string): Promise<string> {
  await mkdir(dir, { recursive: true });
  await writeFile(
    join(dir, 'package.json'),
    JSON.stringify({ private: true, overrides: OVERRIDES }),
  );
  const flags = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];
  const options = { cwd: dir, timeout: INSTALL_PATIENCE_MS };
  await promisify(execFile)('npm', ['install', ...flags, PORTKEY], options);
  return join(dir, 'node_modules/@portkey-ai/gateway/build/start-server.js');
}

/** Replaces the packages that only a server on Node needs. */
const SHIMS: Readonly<Record<string, string>> = {
  '@hono/node-server': 'export const serve = ({ fetch }) => { globalThis.portkey = fetch; };',
  '@hono/node-ws': `export const createNodeWebSocket = () => ({
    injectWebSocket() {}, upgradeWebSocket: () => (context, next) => next() });`,
  ws: 'export default class {}',
  ioredis: 'export default class {} export class Redis {} export class Cluster {}',
};

/**
 * At the top level of a Worker's module timers are refused: until Portkey has its server, they fire
 * at once and only once. It waits there for the animation of its start.
 */
const BANNER = `import { createRequire as __r } from 'node:module';
const require = __r('/');
const setTimeout = (act, ...rest) => globalThis.serving ? globalThis.setTimeout(act, ...rest) : act();
const setInterval = (...all) => globalThis.serving ? globalThis.setInterval(...all) : 0;
const clearInterval = (timer) => globalThis.serving && globalThis.clearInterval(timer);
const clearTimeout = (timer) => globalThis.serving && globalThis.clearTimeout(timer);
`;

const ENTRY = `import BUILD;
export default {
  fetch(request, env, ctx) {
    globalThis.serving = true;
    if (new URL(request.url).pathname === '/healthz') return new Response('ok');
    return globalThis.portkey(request, env, ctx);
  },
};
`;

interface Resolving {
  readonly path: string;
}

/** The little of esbuild that is used; it comes with wrangler. */
interface Esbuild {
  build(options: object): Promise<unknown>;
}

/** Bundles Portkey's build as a Worker; returns the bundle's path. */
export async function bundlePortkey(build: string, dir: string): Promise<string> {
  const require = createRequire(import.meta.url);
  const { build: bundle } = createRequire(require.resolve('wrangler'))('esbuild') as Esbuild;
  const entry = join(dir, 'entry.js');
  const outfile = join(dir, 'portkey.js');
  await writeFile(entry, ENTRY.replace('BUILD', JSON.stringify(build)));
  const shims = {
    name: 'shims',
    setup(at: {
      onResolve(filter: object, act: (of: Resolving) => object): void;
      onLoad(filter: object, act: (of: Resolving) => object): void;
    }) {
      const filter = new RegExp(`^(${Object.keys(SHIMS).join('|')})$`);
      at.onResolve({ filter }, ({ path }) => ({ path, namespace: 'shim' }));
      at.onLoad({ filter: /./, namespace: 'shim' }, ({ path }) => ({ contents: SHIMS[path] }));
      const bare = /^(fs|fs\/promises|https|path|url|crypto|stream|util|buffer|zlib|events)$/;
      at.onResolve({ filter: bare }, ({ path }) => ({ path: `node:${path}`, external: true }));
    },
  };
  await bundle({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    conditions: ['workerd', 'worker'],
    external: ['node:*'],
    banner: { js: BANNER },
    plugins: [shims],
    logLevel: 'error',
  });
  return outfile;
}

import { fileURLToPath } from 'node:url';
import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

const modules = fileURLToPath(new URL('./test/model/workerd-modules.ts', import.meta.url));

/** No test is about time: a busy machine must not fail one. */
const PATIENCE = { testTimeout: 300_000, hookTimeout: 300_000 };
/** No file keeps state in modules, and loading them anew for each file takes half of the time. */
const SHARED_MODULES = { isolate: false };

/** They import each other without an extension, which workerd does not resolve. */
const ITTY_DURABLE = ['itty-durable/itty-durable.js', 'itty-durable/proxy-durable.js'];

export default defineConfig({
  test: {
    // Most files wait for processes and timers more than they compute.
    maxWorkers: 4,
    projects: [
      {
        test: {
          name: 'node',
          ...SHARED_MODULES,
          ...PATIENCE,
          include: ['test/unit/**/*.test.ts', 'test/contract/**/*.test.ts'],
        },
      },
      {
        // The object itself in Node, on a stand-in for what it imports of workerd.
        resolve: {
          alias: {
            'cloudflare:workers': modules,
            'itty-durable/itty-durable.js': modules,
            'itty-durable/proxy-durable.js': modules,
          },
        },
        test: {
          name: 'model',
          ...SHARED_MODULES,
          ...PATIENCE,
          include: ['test/model/**/*.test.ts'],
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: './wrangler.toml' },
            miniflare: {
              bindings: {
                ENVIRONMENT: 'development',
                ADMIN_TOKEN: 'test-admin, test-admin-next',
                MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
                GPU_KEY: 'key-in-a-secret',
              },
            },
          }),
        ],
        test: {
          name: 'workers',
          globalSetup: ['test/built-assets.ts'],
          ...PATIENCE,
          include: ['test/workers/**/*.test.ts'],
          deps: { optimizer: { ssr: { enabled: true, include: ITTY_DURABLE } } },
        },
      },
      {
        test: {
          name: 'e2e',
          ...SHARED_MODULES,
          globalSetup: ['test/e2e/global-setup.ts'],
          include: ['test/e2e/**/*.test.ts'],
          ...PATIENCE,
        },
      },
      {
        // The console in a real browser, after all others; skipped where none is installed.
        test: {
          name: 'browser',
          sequence: { groupOrder: 1 },
          // Each browser is several processes, which compute.
          maxWorkers: 2,
          ...SHARED_MODULES,
          globalSetup: ['test/e2e/global-setup.ts'],
          include: ['test/browser/**/*.test.ts'],
          ...PATIENCE,
        },
      },
    ],
  },
});

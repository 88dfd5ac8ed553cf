import { defineConfig } from 'vitest/config';

/**
 * Tests against a real inference server, which `npm test` and CI do not run: `npm run e2e:engine`.
 * One file at a time, because each starts an engine that uses a whole core.
 */
export default defineConfig({
  test: {
    name: 'engine',
    globalSetup: ['test/engine/global-setup.ts'],
    include: ['test/engine/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 120_000,
  },
});

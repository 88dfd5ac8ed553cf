import { defineConfig } from 'vitest/config';

/**
 * The present version beside earlier ones, whose bundles `TALARIA_EARLIER` names; `npm test` does not run
 * them: `npm run e2e:skew` (docs/deployments.md).
 */
export default defineConfig({
  test: {
    name: 'skew',
    globalSetup: ['test/e2e/global-setup.ts'],
    include: ['test/skew/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});

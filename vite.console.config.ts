/**
 * The build of the console: `npm run build:console` writes hashed files to dist-console, which the
 * Worker serves as static assets under /console. Nothing is inline, since the Content-Security-Policy
 * allows scripts and styles of its own origin only. `npm run dev:console` serves the page with
 * reloads in front of the dispatcher at TALARIA_URL.
 */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { compressedCopies, consolePages } from './scripts/console-pages.ts';

const TARGET = process.env.TALARIA_URL ?? 'http://127.0.0.1:8787';

/** What most screens share, and what timelines are drawn with, by the paths of modules. */
const COMMON =
  /\/src\/protocol\/console\/|\/console\/(ask|begin|format|live|places|session|shell|parts\/(?!plot|time-lanes|round-ticks)|screens\/runs\/(curl|run-state))|\/node_modules\/(@?preact|preact-iso)\//;
const LANES =
  /\/console\/(parts\/(time-lanes|round-ticks)|screens\/runs\/call-times)|\/d3-(time|array)\//;

export default defineConfig({
  root: fileURLToPath(new URL('./src/console', import.meta.url)),
  base: '/console/',
  plugins: [
    consolePages(fileURLToPath(new URL('./src/console/begin/begin.ts', import.meta.url))),
    compressedCopies(),
  ],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: fileURLToPath(new URL('./dist-console', import.meta.url)),
    // The folder has other assets of the Worker as well.
    emptyOutDir: false,
    target: 'es2022',
    modulePreload: { polyfill: false },
    // A file as a data: URL would be refused by the policy, and is no shorter when compressed.
    assetsInlineLimit: 0,
    reportCompressedSize: true,
    rolldownOptions: {
      output: {
        // Each file costs a request, of which a browser without HTTP/2 makes six at a time.
        codeSplitting: {
          groups: [
            { name: 'common', test: COMMON, priority: 2 },
            { name: 'lanes', test: LANES, priority: 1 },
          ],
        },
      },
    },
  },
  worker: { format: 'es' },
  server: {
    proxy: {
      '/console/api': { target: TARGET, ws: true },
      '/v1': { target: TARGET },
    },
  },
});

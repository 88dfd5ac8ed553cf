/** Builds the Worker once for all end-to-end tests, also if a single test file runs. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { buildBundle } from '../../scripts/raw-workerd.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Path of the built Worker. */
    bundle: string;
  }
}

export default async function buildOnce(project: TestProject): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), 'talaria-bundle-'));
  project.provide('bundle', await buildBundle(dir));
  return () => rm(dir, { recursive: true, force: true });
}

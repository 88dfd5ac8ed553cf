/** The size of what is deployed: it is loaded wherever an isolate starts. */
import { stat } from 'node:fs/promises';
import { expect, inject, it } from 'vitest';

const MOST_BYTES = 600_000;

it('is at most 600 kB', async () => {
  expect((await stat(inject('bundle'))).size).toBeLessThanOrEqual(MOST_BYTES);
});

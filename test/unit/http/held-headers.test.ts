/** Headers that are held answer as the platform's own do. */
import { expect, it } from 'vitest';
import { HeldHeaders } from '../../../src/http/held-headers.ts';

it('are read as those that they were made of', () => {
  const own = new Headers([
    ['X-Talaria-Run', 'r 1'],
    ['accept', 'text/html'],
    ['Accept', 'application/json'],
    ['x-empty', ''],
  ]);
  const held = new HeldHeaders(own);
  for (const name of ['x-talaria-run', 'accept', 'x-empty', 'x-absent', 'constructor']) {
    expect([name, held.get(name), held.has(name)]).toEqual([name, own.get(name), own.has(name)]);
  }
  expect([...held]).toEqual([...own]);
});

it('stay as they were', () => {
  const own = new Headers({ 'x-a': '1' });
  const held = new HeldHeaders(own);
  own.set('x-a', '2');
  own.set('x-b', '2');
  expect([held.get('x-a'), held.get('x-b')]).toEqual(['1', null]);
});

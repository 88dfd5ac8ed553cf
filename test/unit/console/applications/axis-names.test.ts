import { expect, test } from 'vitest';
import { spaced } from '../../../../src/console/screens/applications/axis-names.ts';

const named = (names: readonly string[]) => spaced(names).flatMap(({ name }) => name || []);

test('all names of a short axis are shown', () => {
  expect(named(['1', '3', '5', '7'])).toEqual(['1', '3', '5', '7']);
});

test('names of a long axis do not run into each other', () => {
  const names = Array.from({ length: 25 }, (_, i) => `${18 + i}.5 s`);
  const shown = named(names);
  expect(shown.length).toBeGreaterThan(2);
  expect(shown.join('  ').length).toBeLessThanOrEqual(45);
  expect(shown[0]).toBe('18.5 s');
});

test('each tick keeps its place', () => {
  const names = Array.from({ length: 20 }, () => '1 min 20 s');
  expect(spaced(names).map(({ at }) => at)).toEqual(names.map((_, i) => i));
});

/** Names of clients in addresses: any text must come back, and none may leave the console. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  applicationPlace,
  readPlace,
  runPlace,
  runsPlace,
  SCREENS,
  screenPlace,
} from '../../../src/console/places/places.ts';
import { jumpsFor } from '../../../src/console/shell/jumps.ts';

const name = fc.string({ minLength: 1, unit: 'binary' }).filter((text) => text.isWellFormed());

it('finds tenant and screen of each address again, whatever the names are', () => {
  fc.assert(
    fc.property(name, name, fc.constantFrom(...SCREENS), (tenant, other, screen) => {
      expect(readPlace(screenPlace(tenant, screen))).toEqual({ tenant, screen });
      expect(readPlace(runPlace(tenant, other))).toEqual({ tenant, screen: 'runs' });
      expect(readPlace(applicationPlace(tenant, other))).toEqual({
        tenant,
        screen: 'applications',
      });
    }),
    { seed: 1 },
  );
});

it('takes an address that is cut in the middle of a sign for none', () => {
  expect(readPlace('/console/t/%E2%82/now')).toBeNull();
  expect(readPlace('/console')).toBeNull();
  expect(readPlace('/console/t/demo/nothing')).toEqual({ tenant: 'demo', screen: 'now' });
});

it('leaves empty filters out of the address', () => {
  expect(runsPlace('a b', { q: '', app: 'x&y' })).toBe('/console/t/a%20b/runs?app=x%26y');
  expect(runsPlace('a', { q: '' })).toBe('/console/t/a/runs');
});

it('offers what has the text in its name, what begins with it first, and a search', () => {
  const known = {
    tenant: 'demo',
    tenants: ['demo', 'other'],
    applications: [{ app: 'app-1', label: 'a run of tests' }, { app: 'runner' }],
    now: undefined,
  };
  const names = jumpsFor('RUN', known).map((jump) => jump.name);
  expect(names).toEqual(['Runs', 'runner', 'a run of tests (app-1)', 'Find “RUN”']);
  expect(jumpsFor('other', { ...known, tenant: null }).map((jump) => jump.kind)).toEqual([
    'tenant',
  ]);
});

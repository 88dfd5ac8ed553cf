/** Names of clients in addresses: any text must come back, and none may leave the console. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { tenantPath } from '../../../src/console/ask/tenant-path.ts';
import {
  applicationPlace,
  namesIn,
  readPlace,
  runPlace,
  runsPlace,
  SCREENS,
  screenPlace,
} from '../../../src/console/places/places.ts';
import { jumpsFor } from '../../../src/console/shell/jumps.ts';
import { nameOfPart } from '../../../src/protocol/console/path-part.ts';

const dots = fc.stringMatching(/^~{0,2}[.]{1,3}$/);
const name = fc.oneof(
  dots,
  fc.string({ minLength: 1, unit: 'binary' }).filter((text) => text.isWellFormed()),
);

/** The path that a browser makes of an address. */
const asOpened = (place: string) => new URL(place, 'http://console').pathname;

it('finds tenant and screen of each address again, whatever the names are', () => {
  fc.assert(
    fc.property(name, name, fc.constantFrom(...SCREENS), (tenant, other, screen) => {
      expect(readPlace(asOpened(screenPlace(tenant, screen)))).toEqual({ tenant, screen });
      expect(readPlace(asOpened(runPlace(tenant, other)))).toEqual({ tenant, screen: 'runs' });
      expect(readPlace(asOpened(applicationPlace(tenant, other)))).toEqual({
        tenant,
        screen: 'applications',
      });
    }),
    { seed: 1 },
  );
});

it('names an application and a run in address and path so that no browser takes the name out', () => {
  fc.assert(
    fc.property(name, name, (tenant, app) => {
      const parts = (path: string) => path.split('/').map(decodeURIComponent).map(nameOfPart);
      const place = parts(asOpened(applicationPlace(tenant, app)));
      expect(place).toEqual(['', 'console', 't', tenant, 'applications', app]);
      const path = parts(asOpened(`/${tenantPath(tenant, 'applications', app, 'weight')}`));
      expect(path).toEqual(['', 'tenants', tenant, 'applications', app, 'weight']);
    }),
    { seed: 2 },
  );
});

it('reads the names of an address, of which some may be left out', () => {
  const params = { tenant: 'demo', app: '~..', section: undefined };
  expect(namesIn(params)).toEqual({ tenant: 'demo', app: '..' });
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

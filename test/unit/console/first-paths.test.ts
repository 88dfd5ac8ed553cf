/** What is asked before the page's code is there, by the address alone, however it is written. */
import { describe, expect, it } from 'vitest';
import { firstPaths } from '../../../src/console/begin/first-paths.ts';

const AT = 1_800_000_000_000;

function pathsOf(address: string): readonly string[] {
  return firstPaths(new URL(address, 'http://talaria'), AT);
}

describe('the first questions', () => {
  it.each([
    ['/console', []],
    ['/console/t/demo', []],
    ['/console/t/demo/nothing-like-it', []],
    ['/console/t/demo/now', ['tenants/demo/now']],
    ['/console/t/demo/now/', ['tenants/demo/now']],
    ['/console/t/demo/applications', ['tenants/demo/applications']],
    ['/console/t/demo/applications?q=a+b', ['tenants/demo/applications?q=a+b']],
    ['/console/t/demo/applications/a%2Fb%20c', ['tenants/demo/applications/a%2Fb%20c']],
    ['/console/t/demo/applications/~..', ['tenants/demo/applications/~..']],
    ['/console/t/demo/runs', ['tenants/demo/runs']],
    ['/console/t/demo/runs?x=1&state=live&q=', ['tenants/demo/runs?state=live']],
    ['/console/t/demo/runs/run-1', ['tenants/demo/runs/run-1']],
    ['/console/t/demo/calls/call-1', ['tenants/demo/calls/call-1']],
    ['/console/t/demo/settings', ['tenants/demo/config', 'tenants/demo/config-schema']],
    ['/console/t/demo/settings/audit', []],
    ['/console/t/demo/warmth?window=1h', [`tenants/demo/warmth?from=${AT - 3_600_000}&to=${AT}`]],
    [
      '/console/t/demo/warmth?window=constructor',
      [`tenants/demo/warmth?from=${AT - 6 * 3_600_000}&to=${AT}`],
    ],
    // What cannot be read must not stop the script.
    ['/console/t/%E0%A4%A/now', []],
    ['/console/t/demo/runs/%E0%A4%A', ['tenants/demo/runs']],
  ])('of %s', (address, paths) => {
    expect(pathsOf(address)).toEqual(paths);
  });
});

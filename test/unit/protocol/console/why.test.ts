/** The words for why a run waits: singular and plural, and times in the unit that people use. */
import { expect, it } from 'vitest';
import packageJson from '../../../../package.json' with { type: 'json' };
import { CONSOLE_BUILD, contractProblem } from '../../../../src/protocol/console/session.ts';
import { whyWords } from '../../../../src/protocol/console/why.ts';

it('counts in the singular and the plural', () => {
  expect(whyWords([{ kind: 'shorter-ahead', aheadRuns: 1, expectsLessMs: 2_100 }])).toBe(
    'ahead: 1 run that expects less work, the nearest 2.1 s less',
  );
  expect(
    whyWords([
      { kind: 'shorter-ahead', aheadRuns: 3, expectsLessMs: 90 },
      { kind: 'places-lost', runs: 2 },
    ]),
  ).toBe(
    'ahead: 3 runs that expect less work, the nearest 90 ms less; 2 places lost to runs that arrived later',
  );
});

it('says when an endpoint starts, where one does', () => {
  expect(whyWords([{ kind: 'endpoint-cold', startsInMs: 125_000 }])).toBe(
    'no endpoint is warm: one starts in 2 min',
  );
  expect(whyWords([{ kind: 'endpoint-cold', startsInMs: null }])).toBe('no endpoint is warm');
});

it('says which of page and service is older, and what to do', () => {
  expect(contractProblem(1, 1)).toBeNull();
  expect(contractProblem(1, 2)).toMatch(/page is older.*Reload/);
  expect(contractProblem(2, 1)).toMatch(/service is older.*Reload/);
});

it('names the build as the package does', () => {
  expect(CONSOLE_BUILD).toBe(packageJson.version);
});

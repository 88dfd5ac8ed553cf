/** What a key may name, and when a client's deadline counts. */
import { describe, expect, it } from 'vitest';
import { parseTenantConfig } from '../../../src/config/parse.ts';
import {
  mayName,
  refusedApplication,
  withPermittedDeadline,
} from '../../../src/config/permissions.ts';
import { callRequest } from '../../dispatch-builders.ts';

const SHA = 'a'.repeat(64);

function configOf(more: object) {
  const backends = { m: { models: ['m'], endpoints: [{ url: 'https://gpu.example.com/v1' }] } };
  const parsed = parseTenantConfig({ backends, ...more }, { development: false });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

describe('an application', () => {
  it('may be named by every key by default', () => {
    const config = configOf({ keys: [{ id: 'k', sha256: SHA }] });
    for (const app of ['a', 'constructor', '*', 'app-0123']) {
      expect(mayName(config, 'k', app)).toBe(true);
    }
    expect(mayName(config, 'unknown', 'a')).toBe(true);
  });

  it('may be named by a bound key only where its list has it', () => {
    const config = configOf({
      keys: [{ id: 'k', sha256: SHA, applications: ['chat', 'batch-*', 'a*b'] }],
    });
    const allowed = ['chat', 'batch-', 'batch-7', 'a*b', 'urgent', 'chat2', 'xbatch-', 'axb', ''];
    expect(allowed.filter((app) => mayName(config, 'k', app))).toEqual(allowed.slice(0, 4));
    expect(mayName(config, 'other', 'urgent')).toBe(true);
    expect(refusedApplication(config, 'k', 'urgent')).toBe(
      'This key may not use the application "urgent"; it may use "chat", "batch-*", "a*b".',
    );
  });

  it('that is bound to keys may be named by these only', () => {
    const config = configOf({ applications: { urgent: { weight: 100, keys: ['k'] } } });
    expect(mayName(config, 'k', 'urgent')).toBe(true);
    expect(mayName(config, 'other', 'urgent')).toBe(false);
    expect(mayName(config, 'other', 'chat')).toBe(true);
  });

  it.each([
    [{ keys: [{ id: 'k', sha256: SHA, applications: [] }] }],
    [{ keys: [{ id: 'k', sha256: SHA, applications: ['grün'] }] }],
    [{ keys: [{ id: 'k', sha256: SHA, applications: ['x'.repeat(129)] }] }],
    [{ applications: { a: { keys: [] } } }],
    [{ deadlines: { shortestMs: 0 } }],
    [{ applications: { a: { deadlines: { other: 1 } } } }],
    [{ limits: { openRuns: 0 } }],
    [{ limits: { sideCalls: 0.5 } }],
  ])('is not bound by %j', (more) => {
    expect(() => configOf(more)).toThrow();
  });
});

describe('a deadline', () => {
  const call = (deadlineAt?: number) =>
    callRequest('c', {
      arrivedAt: 1_000_000,
      refuseIfLate: true,
      ...(deadlineAt === undefined ? {} : { deadlineAt }),
    });
  const deadlineOf = (more: object, deadlineAt?: number, app = 'a') =>
    withPermittedDeadline(configOf(more), app, call(deadlineAt)).deadlineAt;

  it('that is shorter than a second ranks like one of a second', () => {
    expect(deadlineOf({}, 1_000_000.001)).toBe(1_001_000);
    expect(deadlineOf({}, 1_001_000)).toBe(1_001_000);
    expect(deadlineOf({}, 1_600_000)).toBe(1_600_000);
    expect(deadlineOf({})).toBeUndefined();
  });

  it('counts as far as the tenant, or else the application, allows it', () => {
    const more = {
      deadlines: { allowed: false, shortestMs: 5_000 },
      applications: { a: { deadlines: { allowed: true } }, b: { deadlines: { shortestMs: 1 } } },
    };
    expect(deadlineOf(more, 1_000_001)).toBe(1_005_000);
    for (const app of ['b', 'c', 'constructor']) {
      const permitted = withPermittedDeadline(configOf(more), app, call(1_600_000));
      expect(permitted).not.toHaveProperty('deadlineAt');
      // A deadline that does not count causes no refusal either.
      expect(permitted).not.toHaveProperty('refuseIfLate');
    }
    expect(deadlineOf({ applications: { a: { deadlines: { shortestMs: 9 } } } }, 1_000_001)).toBe(
      1_000_009,
    );
  });
});

/** What the first script has asked is taken over once, by the one who asked, while it is fresh. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { begunAt, forgetBegun, takeAnswer } from '../../../src/console/begin/begun.ts';

const AT = 1_800_000_000_000;
const answer = Promise.resolve(new Response('{}'));

beforeEach(() => {
  vi.useFakeTimers({ now: AT + 300 });
  globalThis.talariaBegun = { token: 'own', at: AT, answers: new Map([['session', answer]]) };
});
afterEach(() => {
  globalThis.talariaBegun = undefined;
  vi.useRealTimers();
});

it('is one answer, once, with the time at which it was asked for', () => {
  expect(takeAnswer('tenants/t/now', 'own')).toBeUndefined();
  expect(takeAnswer('session', 'own')).toEqual({ askedAt: AT, response: answer });
  expect(takeAnswer('session', 'own')).toBeUndefined();
});

it('is nothing for another token', () => {
  expect(takeAnswer('session', 'other')).toBeUndefined();
});

it('is nothing any more when it is old', () => {
  vi.setSystemTime(AT + 10_001);
  expect(takeAnswer('session', 'own')).toBeUndefined();
  expect(begunAt()).toBeNull();
});

it('is gone when it is forgotten', () => {
  forgetBegun();
  expect(takeAnswer('session', 'own')).toBeUndefined();
  expect(globalThis.talariaBegun).toBeUndefined();
});

it('is nothing where the first script did not run, or nobody is signed in', () => {
  expect(begunAt()).toBe(AT);
  globalThis.talariaBegun = { token: null, at: AT, answers: new Map() };
  expect(begunAt()).toBeNull();
  globalThis.talariaBegun = undefined;
  expect(begunAt()).toBeNull();
  expect(takeAnswer('session', '')).toBeUndefined();
});

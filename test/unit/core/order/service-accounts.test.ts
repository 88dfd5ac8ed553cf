/** The service that each application has had, as fair sharing counts it. */
import { describe, expect, it } from 'vitest';
import { ServiceAccounts } from '../../../../src/core/order/service-accounts.ts';

describe('ServiceAccounts', () => {
  it('adds up what each was charged', () => {
    const accounts = new ServiceAccounts();
    accounts.charge('a', 100);
    accounts.charge('b', 30);
    accounts.charge('a', 50);
    expect(['a', 'b', 'c'].map((app) => accounts.servedMs(app))).toEqual([150, 30, 0]);
  });

  it('raises a newcomer to the least of those that wait, and never lowers any', () => {
    const accounts = new ServiceAccounts();
    accounts.charge('a', 500);
    accounts.charge('b', 300);
    accounts.lift('c', 300);
    expect(accounts.servedMs('c')).toBe(300);
    accounts.lift('a', 300);
    expect(accounts.servedMs('a')).toBe(500);
  });

  it('raises a newcomer to the one that was served last if none waits', () => {
    const accounts = new ServiceAccounts();
    accounts.lift('a', Infinity);
    expect(accounts.servedMs('a')).toBe(0);
    accounts.charge('a', 500);
    accounts.charge('b', 300);
    accounts.lift('c', Infinity);
    expect(accounts.servedMs('c')).toBe(300);
  });

  it('beyond a thousand it forgets the one served longest ago, but not a newcomer', () => {
    const accounts = new ServiceAccounts();
    for (let i = 0; i < 1_000; i += 1) accounts.charge(`app${i}`, 1_000 + i);
    accounts.lift('new', 1_500);
    expect(accounts.servedMs('new')).toBe(1_500);
    accounts.charge('new', 10);
    expect(accounts.servedMs('new')).toBe(1_510);
    expect(['app0', 'app1'].map((app) => accounts.servedMs(app))).toEqual([0, 1_001]);
    accounts.lift('app0', 1_500);
    expect(accounts.servedMs('app0')).toBe(1_500);
  });
});

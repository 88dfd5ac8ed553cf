/** What is asked of all accounts together is what a walk over each of them finds. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ActiveKeys,
  type KeyAccount,
  reservationMs,
  usedMs,
} from '../../../../src/core/order/active-keys.ts';

const KEYS = 6;
/** Two mean calls, from 20 ms to 5 s, as key-shares.ts reserves slots. */
const reservedUntil = ({ lastEndedAt, meanMs = 0 }: KeyAccount) =>
  lastEndedAt + Math.min(5_000, Math.max(20, 2 * meanMs));

const key = fc.integer({ min: 0, max: KEYS - 1 });
const ms = fc.integer({ min: 0, max: 4_000 });
const step = fc.oneof(
  fc.record({ type: fc.constant('grant' as const), key }),
  fc.record({ type: fc.constant('end' as const), key, meanMs: fc.option(ms, { nil: undefined }) }),
  fc.record({ type: fc.constant('reserve' as const), key, slots: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ type: fc.constant('away' as const), key }),
  fc.record({ type: fc.constant('pass' as const), byMs: ms }),
  fc.record({ type: fc.constant('take' as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class World {
  readonly keys = new ActiveKeys();
  readonly accounts = new Map<number, KeyAccount>();
  now = 10_000;
  #seq = 0;

  /** Returns the account that it took, where the step takes one. */
  apply(step: Step): KeyAccount | undefined {
    if (step.type === 'pass') this.now += step.byMs;
    else if (step.type === 'take') return this.keys.takeUnreserved(this.now);
    else this.#change(step);
    return undefined;
  }

  #change(step: Exclude<Step, { type: 'pass' | 'take' }>): void {
    const account = this.accounts.get(step.key) ?? this.#opened(step.key);
    switch (step.type) {
      case 'grant':
        account.running += 1;
        account.grantedAtSum += this.now;
        break;
      case 'end': {
        if (account.running === 0) break;
        const share = account.grantedAtSum / account.running;
        account.servedMs += this.now - share;
        account.grantedAtSum -= share;
        account.running -= 1;
        account.lastEndedAt = this.now;
        account.meanMs = step.meanMs;
        break;
      }
      case 'reserve':
        account.servedMs += reservationMs(account, this.now);
        account.reserving = { since: this.now, slots: step.slots };
        break;
      case 'away':
        this.keys.delete(account);
        this.accounts.delete(step.key);
        return;
    }
    this.keys.changed(account);
  }

  #opened(name: number): KeyAccount {
    const account: KeyAccount = {
      ...{ key: `k${name}`, seq: this.#seq, servedMs: 0, running: 0, grantedAtSum: 0, peak: 0 },
      ...{ lastEndedAt: this.now, reserving: undefined, meanMs: undefined, longestMs: 0 },
    };
    this.#seq += 1;
    this.accounts.set(name, account);
    this.keys.add(account);
    return account;
  }
}

const least = (values: readonly number[]) => Math.min(Infinity, ...values);

function expectAgreement({ keys, accounts, now }: World): void {
  const all = [...accounts.values()];
  const used = all.map((account) => usedMs(account, now));
  expect(keys.size).toBe(all.length);
  expect(keys.leastUsedMs(now)).toBe(least(used));
  const without = new Set(all.filter((_, i) => i % 2 === 0));
  const others = all.filter((account) => !without.has(account));
  expect(keys.leastUsedMs(now, without)).toBe(least(others.map((one) => usedMs(one, now))));
  const bound = used[0] ?? 0;
  const upTo = all.filter((_, i) => (used[i] ?? 0) <= bound).map((one) => one.key);
  expect([...keys.usedUpTo(bound, now)].map((one) => one.key).sort()).toEqual(upTo.sort());
  expect(keys.shortestMeanMs).toBe(least(all.map(({ meanMs = 0 }) => meanMs)));
  const ends = all
    .filter(({ running, reserving }) => running === 0 || reserving)
    .map(reservedUntil)
    .filter((until) => until > now);
  const withRunning = all.map(reservedUntil).filter((until) => until > now);
  const told = keys.reservedUntil(now);
  // An account that holds slots may be told of as well: it only makes the look come early.
  expect(told).toBeLessThanOrEqual(least(ends));
  expect([...withRunning, Infinity]).toContain(told);
}

describe('the accounts of active keys', () => {
  it('answer as a walk over all of them', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const world = new World();
        for (const one of steps) {
          world.apply(one);
          expectAgreement(world);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('give each account without slots and reservation once, until it changes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const world = new World();
        const taken = new Set<KeyAccount>();
        for (const one of steps) {
          const account = world.apply(one);
          if ('key' in one) {
            const changed = world.accounts.get(one.key);
            if (changed) taken.delete(changed);
          }
          if (!account) continue;
          expect(account.running).toBe(0);
          expect(reservedUntil(account)).toBeLessThanOrEqual(world.now);
          expect(taken.has(account)).toBe(false);
          taken.add(account);
        }
        const due = [...world.accounts.values()].filter(
          (a) => a.running === 0 && reservedUntil(a) <= world.now && !taken.has(a),
        );
        for (const _ of due) expect(due).toContain(world.keys.takeUnreserved(world.now));
        expect(world.keys.takeUnreserved(world.now)).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });
});

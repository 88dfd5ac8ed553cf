import { expect, test } from 'vitest';
import { type Health, Liveness } from '../../../scripts/liveness.ts';

/** The numbers, from 1, of the checks at which a restart is due. */
function restartsAt(checks: readonly Health[]): number[] {
  const liveness = new Liveness();
  return checks.flatMap((health, i) => (liveness.mustRestart(health) ? [i + 1] : []));
}

const times = (count: number, health: Health): Health[] => Array(count).fill(health);

test('a dispatcher that refuses connections is restarted after the fourth check', () => {
  expect(restartsAt(times(9, 'broken'))).toEqual([4, 8]);
});

test('one that is silent for a while is busy, not dead', () => {
  expect(restartsAt([...times(11, 'silent'), 'up', ...times(11, 'silent')])).toEqual([]);
});

test('one that stays silent is restarted', () => {
  expect(restartsAt(times(24, 'silent'))).toEqual([12, 24]);
});

test('one that is silent and broken in turn is restarted as well', () => {
  expect(restartsAt(times(6, 'silent').flatMap((s): Health[] => ['broken', s]))).toEqual([12]);
});

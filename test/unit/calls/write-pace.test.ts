/** How far apart writes are, by how many answers are relayed at the time. */
import { expect, it } from 'vitest';
import { WritePace } from '../../../src/calls/write-pace.ts';

/** A time that no other test has. */
let at = 1_000_000;

/** The time between writes after each of so many answers has had a piece, twice. */
function paceOf(answers: number): number {
  at += 10_000;
  const paces = Array.from({ length: answers }, () => new WritePace());
  for (const now of [at, at + 100]) for (const pace of paces) pace.piece(now);
  return (paces[0] as WritePace).piece(at + 150);
}

it('is short where few are relayed, grows with them, and is never long', () => {
  expect([1, 4, 9, 20, 64, 1_000].map(paceOf)).toEqual([4, 4, 9, 20, 20, 20]);
});

it('counts an answer once, however many pieces it has', () => {
  at += 10_000;
  const [one, other] = [new WritePace(), new WritePace()];
  for (let i = 0; i < 90; i += 1) one.piece(at + i);
  expect(other.piece(at + 90)).toBe(4);
});

it('counts those no more of which nothing has come for a while', () => {
  paceOf(64);
  expect(new WritePace().piece(at + 400)).toBe(4);
});

it('is short again after the clock went back', () => {
  paceOf(64);
  expect(new WritePace().piece(at - 5_000)).toBe(4);
});

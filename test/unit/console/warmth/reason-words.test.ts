/** The short texts of reasons, as src/core/prewarm writes them, in words; and what is none of them. */
import { expect, it } from 'vitest';
import { decisionWords, reasonWords } from '../../../../src/console/screens/warmth/reason-words.ts';
import { decidePrewarm } from '../../../../src/core/prewarm/prewarm.ts';
import { groundsOf } from '../../../../src/core/prewarm/prewarm-outlook.ts';

it.each([
  ['waiting=1', '1 call waited'],
  ['waiting=12', '12 calls waited'],
  ['none', ''],
  ['', ''],
  ['idle=301 s', 'idle for 5 min 1 s'],
  ['idle=1500 of 60000 ms', 'idle for 1.5 s of 1 min'],
  ['hold=0.420 theta=0.350', 'needed again within a cold start with 42 %, which pays from 35 %'],
  ['a call was sent', 'a call was sent'],
  ['by the operator', 'by the operator'],
  ['one run: P(need)=0.300', 'one run: P(need)=0.300'],
  ['x=1', 'x=1'],
  ['constructor=1', 'constructor=1'],
])('says of %j: %j', (reason, words) => {
  expect(reasonWords(reason)).toBe(words);
});

it('says what a forecast rests on, whatever runs are called', () => {
  const { reason } = decidePrewarm({ runs: [0.4, 0], arrivals: 0.104 }, 0.25, 3);
  const run = { id: 'r=1:2', app: 'a:0.5' };
  const grounds = groundsOf({ runs: [0.4], of: [run], arrivals: 0.104 } as never, 0.0312);
  const words = reasonWords(`${reason} ${grounds}`);
  expect(words).toMatch(/^needed with \d+ %, which pays from 25 %, 1 run in flight may need it, /);
  expect(words).toMatch(
    /a new run with 10 %, beyond 3 slots that are up, 0.0312 arrivals a second/,
  );
  expect(words).toMatch(/, a:0\.5\/r=1:2 with 40 %$/);
});

it('has words for each decision, and shows one that it does not know', () => {
  expect(decisionWords('none')).toBe('');
  expect(decisionWords('stay-cold')).toBe('stays cold');
  expect(decisionWords('toString')).toBe('toString');
});

/** Visits in nearly equal states share a rank. */
import { expect, it } from 'vitest';
import { ApplicationModels } from '../../../../src/core/learning/application-models.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { Foresight } from '../../../../src/core/order/policy.ts';
import { ForecastBudget } from '../../../../src/core/waits/forecast-budget.ts';
import { ForeseenRanks } from '../../../../src/core/waits/foreseen-ranks.ts';
import { llm, runOf } from '../../../run-builders.ts';

const speeds = () => ({ inputMs: 0.1, outputMs: 10 });
const INPUTS = [1_000, 1_001, 1_100, 2_000];

function world() {
  const models = new ApplicationModels(seededRandom(1));
  const learn = (input: number) => models.learn(runOf('app', llm('unit', [10], input)), 0, speeds);
  for (const input of INPUTS) learn(input);
  const asked: number[] = [];
  const foresight: Foresight = (_model, { state }) => {
    asked.push(state.inputTokens);
    return state.inputTokens;
  };
  const ranks = new ForeseenRanks(models, new ForecastBudget());
  const ranksBy = (name: string) =>
    models.past
      .inState('app', { unit: 'unit', visit: 1 })
      .map((visit) =>
        ranks.rankMs(visit, { name, foresight }, { backend: 'llm', speeds, slots: 1 }),
      );
  return { learn, asked, ranksBy };
}

it('computes one rank for states that differ by less than 3 %, and others for the rest', () => {
  const { asked, ranksBy } = world();
  expect(ranksBy('one')).toEqual([1_000, 1_000, 1_100, 2_000]);
  expect(asked).toEqual([1_000, 1_100, 2_000]);
  ranksBy('one');
  expect(asked).toHaveLength(3);
});

it('computes them anew under another policy, and once much more is known', () => {
  const { learn, asked, ranksBy } = world();
  ranksBy('one');
  ranksBy('two');
  expect(asked).toHaveLength(6);
  learn(1_000);
  ranksBy('two');
  expect(asked).toHaveLength(6);
  learn(1_000);
  ranksBy('two');
  expect(asked).toHaveLength(9);
});

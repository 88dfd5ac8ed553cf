/** The configuration: its defaults, and what is refused, with the path of the wrong field. */
import { describe, expect, it } from 'vitest';
import { toDispatcherConfig } from '../../../src/config/dispatcher-config.ts';
import { parseTenantConfig } from '../../../src/config/parse.ts';

const SMALLEST = {
  backends: { m: { models: ['m'], endpoints: [{ url: 'http://127.0.0.1:9000/v1', slots: 8 }] } },
};

function problemOf(config: unknown): string | undefined {
  const parsed = parseTenantConfig(config, { development: true });
  return parsed.ok ? undefined : parsed.problems[0]?.param;
}

describe('the configuration', () => {
  it('has a default for everything but the backends', () => {
    const parsed = parseTenantConfig(SMALLEST, { development: true });
    expect(parsed).toMatchObject({
      ok: true,
      config: {
        policy: 'gittins',
        alpha: 0.5,
        backends: { m: { whileCold: 'hold', queue: { depth: 1_000 } } },
      },
    });
  });

  describe('of prewarming', () => {
    const cold = [{ url: 'http://127.0.0.1:9000/v1', coldStart: {} }];
    const specOf = (tenant: object, backend?: object) => {
      const parsed = parseTenantConfig(
        { prewarm: tenant, backends: { m: { endpoints: cold, prewarm: backend } } },
        { development: true },
      );
      if (!parsed.ok) return parsed.problems[0]?.param;
      const { backends, prewarmBudget } = toDispatcherConfig(parsed.config);
      return { ...backends.m?.prewarm, prewarmBudget };
    };

    it('has defaults, and a backend replaces the tenant field by field', () => {
      expect(specOf({})).toMatchObject({ mode: 'on', theta: 0.25 });
      expect(specOf({ mode: 'off' }, { theta: 0.1 })).toMatchObject({ mode: 'off', theta: 0.1 });
      expect(specOf({ theta: 0.8 }, { mode: 'dry-run' })).toMatchObject({
        mode: 'dry-run',
        theta: 0.8,
      });
    });

    it('reads no prefixes unless that is turned on, where a backend has the last word', () => {
      expect(specOf({})).not.toHaveProperty('prefix');
      expect(specOf({}, { prefix: true })).toMatchObject({ prefix: true });
      expect(specOf({ prefix: true })).toMatchObject({ prefix: true });
      expect(specOf({ prefix: true }, { prefix: false })).not.toHaveProperty('prefix');
      expect(specOf({}, { prefix: 'yes' })).toBe('backends.m.prewarm.prefix');
    });

    it('derives theta from the two prices, the nearer setting first', () => {
      const prices = { pricePerWarmSecond: 1, valuePerSecond: 3 };
      expect(specOf(prices)).toMatchObject({ theta: 0.25, pricePerWarmSecond: 1 });
      expect(specOf({ theta: 0.9 }, prices)).toMatchObject({ theta: 0.25 });
      expect(specOf(prices, { theta: 0.9 })).toMatchObject({ theta: 0.9 });
      expect(specOf(prices, { valuePerSecond: 1 })).toMatchObject({ theta: 0.5 });
      expect(specOf({ theta: 0.9 }, { pricePerWarmSecond: 1 })).toMatchObject({ theta: 0.9 });
    });

    it("has a budget for the tenant's backends together and one for each", () => {
      const own = { budgetPerDay: { money: 2 }, pricePerWarmSecond: 0.1 };
      expect(specOf({ budgetPerDay: { warmSeconds: 60 } }, own)).toMatchObject({
        prewarmBudget: { warmMs: 60_000 },
        budget: { money: 2 },
      });
    });

    it.each([
      [{ theta: 0.5, valuePerSecond: 1, pricePerWarmSecond: 1 }, {}, 'prewarm.theta'],
      [{ valuePerSecond: 1 }, {}, 'prewarm.pricePerWarmSecond'],
      [{}, { valuePerSecond: 1 }, 'backends.m.prewarm.pricePerWarmSecond'],
      [{ budgetPerDay: { money: 1 } }, {}, 'prewarm.budgetPerDay.money'],
      [{}, { budgetPerDay: { money: 1 } }, 'backends.m.prewarm.pricePerWarmSecond'],
      [{ budgetPerDay: { warmSeconds: -1 } }, {}, 'prewarm.budgetPerDay.warmSeconds'],
      [{ budget: 1 }, {}, 'prewarm.budget'],
    ])('refuses %j with %j by the path of the field', (tenant, backend, param) => {
      expect(specOf(tenant, backend)).toBe(param);
    });
  });

  const endpoint = { url: 'http://127.0.0.1:9000/v1' };
  it.each([
    [{}, 'backends'],
    [{ backends: {} }, 'backends'],
    [{ ...SMALLEST, colour: 1 }, 'colour'],
    [{ ...SMALLEST, policy: 'best' }, 'policy'],
    [{ ...SMALLEST, alpha: -1 }, 'alpha'],
    [{ ...SMALLEST, prewarm: { theta: 2 } }, 'prewarm.theta'],
    [{ backends: { m: { endpoints: [] } } }, 'backends.m.endpoints'],
    [
      { backends: { m: { endpoints: [{ ...endpoint, slots: 0 }] } } },
      'backends.m.endpoints[0].slots',
    ],
    [
      { backends: { m: { endpoints: [{ ...endpoint, slot: 1 }] } } },
      'backends.m.endpoints[0].slot',
    ],
    [{ backends: { m: { endpoints: [{ url: 'nonsense' }] } } }, 'backends.m.endpoints[0].url'],
    [{ backends: { m: { endpoints: [endpoint, endpoint] } } }, 'backends.m.endpoints[1].name'],
    [{ backends: { client: { endpoints: [endpoint] } } }, 'backends.client'],
    [
      {
        backends: {
          a: { models: ['x'], endpoints: [endpoint] },
          b: { models: ['x'], endpoints: [endpoint] },
        },
      },
      'backends.b.models[0]',
    ],
    [{ ...SMALLEST, keys: [{ id: 'k', sha256: 'abc' }] }, 'keys[0].sha256'],
  ])('refuses %j', (config, param) => {
    expect(problemOf(config)).toBe(param);
  });
});

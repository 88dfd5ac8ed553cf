/** Which backend serves a name, under which name its endpoints know it, and what is refused. */
import { describe, expect, it } from 'vitest';
import { listedModels, servedModel, upstreamAt } from '../../../src/config/model-names.ts';
import { parseTenantConfig } from '../../../src/config/parse.ts';

const endpoints = [{ url: 'https://gpu.acme.com/v1' }];
const RULES = { development: false };

function parsed(models: Record<string, unknown[]>) {
  const backends = Object.fromEntries(
    Object.entries(models).map(([name, list]) => [name, { models: list, endpoints }]),
  );
  return parseTenantConfig({ backends }, RULES);
}

function configOf(models: Record<string, unknown[]>) {
  const result = parsed(models);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

const alias = (name: string, as: string) => ({ name, as });
const config = configOf({
  small: ['qwen', alias('claude-haiku-*', 'qwen'), alias('*-mini', 'qwen')],
  large: ['kimi', alias('claude-*', 'kimi'), alias('gpt-4o', 'kimi'), alias('*', 'kimi')],
});

describe('a model', () => {
  it.each([
    ['qwen', 'small', 'qwen'],
    ['kimi', 'large', 'kimi'],
    ['gpt-4o', 'large', 'kimi'],
    ['gpt-4o-mini', 'small', 'qwen'],
    ['claude-opus-9', 'large', 'kimi'],
    ['claude-haiku-5', 'small', 'qwen'],
    ['claude-haiku-', 'small', 'qwen'],
    ['claude-', 'large', 'kimi'],
    ['claude-*', 'large', 'kimi'],
    ['-mini', 'small', 'qwen'],
    ['anything', 'large', 'kimi'],
    ['constructor', 'large', 'kimi'],
  ])('%s is served by %s as %s', (asked, backend, upstream) => {
    expect(servedModel(config, asked)).toEqual({ backend, upstream });
  });

  it('that nothing stands for is not served', () => {
    const strict = configOf({ m: ['a', alias('x*y', 'a')] });
    for (const asked of ['', 'b', 'x', 'y', 'toString', 'x*', 'Xy', 'A']) {
      expect(servedModel(strict, asked)).toBeUndefined();
    }
    expect(servedModel(strict, 'xy')).toMatchObject({ upstream: 'a' });
    // The ends of a pattern do not overlap.
    expect(servedModel(configOf({ m: [alias('aba*aba', 'q')] }), 'ababa')).toBeUndefined();
  });

  it('has at a fallback the name that the fallback has for it', () => {
    const served = { backend: 'small', upstream: 'qwen' };
    expect(upstreamAt(config, 'small', 'gpt-4o-mini', served)).toBe('qwen');
    expect(upstreamAt(config, 'large', 'claude-haiku-5', served)).toBe('kimi');
    expect(upstreamAt(config, 'large', 'gpt-4o', served)).toBe('kimi');
    const bare = configOf({ a: [alias('x', 'inner')], b: [], c: [alias('inner', 'other')] });
    const first = { backend: 'a', upstream: 'inner' };
    expect(upstreamAt(bare, 'b', 'x', first)).toBe('inner');
    expect(upstreamAt(bare, 'c', 'x', first)).toBe('other');
    expect(upstreamAt(bare, 'gone', 'x', first)).toBe('inner');
  });

  it('is listed under the names that it has', () => {
    expect(listedModels(config)).toEqual([
      { id: 'qwen', backend: 'small' },
      { id: 'kimi', backend: 'large' },
      { id: 'gpt-4o', backend: 'large' },
    ]);
  });
});

describe('a list of models', () => {
  it.each([
    [[{ name: 'a' }], 'backends.m.models[0].as', /it is missing/],
    [[{ name: 'a', as: 'b', x: 1 }], 'backends.m.models[0].x', /no such field/],
    [[''], 'backends.m.models[0]', /at least 1 character/],
    [[7], 'backends.m.models[0]', /expected a name/],
    [['claude-*'], 'backends.m.models[0]', /a pattern needs the model/],
    [[alias('a*b*', 'c')], 'backends.m.models[0].name', /one "\*" at most/],
    [[alias('a*', 'c*')], 'backends.m.models[0].as', /without "\*"/],
    [['a', alias('a', 'b')], 'backends.m.models[1]', /served by backend "m" already/],
    [[alias('a*', 'b'), alias('a*', 'c')], 'backends.m.models[1]', /already/],
  ])('%j is refused', (models, param, message) => {
    const result = parsed({ m: models });
    expect(result.ok).toBe(false);
    if (result.ok) return;
    expect(result.problems[0]?.param).toBe(param);
    expect(result.problems[0]?.message).toMatch(message);
  });
});

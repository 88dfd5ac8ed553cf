/** The checks of an edited configuration agree with the service's own, and name the same fields. */
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { parseTenantConfig } from '../../../../src/config/parse.ts';
import { tenantSchema } from '../../../../src/config/schema.ts';
import { readText, textOf } from '../../../../src/console/screens/settings/config-text.ts';
import { schemaProblems } from '../../../../src/console/screens/settings/schema-check.ts';
import { hintOf } from '../../../../src/console/screens/settings/schema-hint.ts';
import { HIDDEN } from '../../../../src/protocol/console/settings.ts';

const SCHEMA = z.toJSONSchema(tenantSchema, { io: 'input', unrepresentable: 'any' });
const RULES = { development: true, plainKeys: true };

function found(config: object) {
  const read = readText(textOf(config as Record<string, unknown>));
  if (!read.ok) throw new Error('not read');
  return schemaProblems(SCHEMA, read.config, read.root);
}

const backend = (endpoint: object, more: object = {}) => ({
  backends: {
    llm: { models: ['m'], endpoints: [{ url: 'http://a.test/v1', ...endpoint }], ...more },
  },
});

describe('schema checks', () => {
  it.each([
    ['a number that is too small', backend({ slots: 0 })],
    ['a word for a number', backend({ slots: 'eight' })],
    ['a misspelt field', backend({ slot: 8 })],
    ['a platform that is not known', backend({ kind: 'aws' })],
    ['a policy that is not known', { ...backend({}), policy: 'random' }],
    ['a name that is not allowed for a model', backend({}, { models: [''] })],
    ['a model of no form', backend({}, { models: [7] })],
  ])('name the field that the service names: %s', (_, config) => {
    const service = parseTenantConfig(config, RULES);
    if (service.ok) throw new Error('the service takes it');
    const paths = found(config).map(({ path }) => path);
    expect(paths).toEqual(service.problems.map(({ param }) => param));
  });

  it('say at the object that holds it that a field is missing', () => {
    expect(found({})).toEqual([
      { path: '', message: '"backends" is missing', place: { offset: 0, length: 1 } },
    ]);
  });

  it('find nothing in what the service takes, nor in a key that it keeps', () => {
    const config = backend({ auth: { sealed: HIDDEN } }, { models: ['m', { name: 'n', as: 'm' }] });
    expect(found(config)).toEqual([]);
  });
});

describe('hints', () => {
  it('say what may stand at a field', () => {
    const slots = ['backends', 'any', 'endpoints', 0, 'slots'];
    expect(hintOf(SCHEMA, slots)).toBe('integer, 1 to 100000, default 8');
    expect(hintOf(SCHEMA, ['policy'])).toMatch(/^one of .*gittins.*default gittins$/);
    expect(hintOf(SCHEMA, ['polici'])).toBe('unknown field');
  });
});

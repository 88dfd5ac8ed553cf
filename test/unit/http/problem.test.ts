/** What a client is told of a field that is wrong: a sentence that names it and what was expected. */
import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { intWithin, textWithin } from '../../../src/http/field-schemas.ts';
import { firstProblem, problemWithin } from '../../../src/http/problem.ts';

const limit = z.nullish(z.union([z.number().check(z.minimum(0)), z.literal(-1)]));
const options = z.nullish(
  z.union([z.looseObject({ usage: z.nullish(z.boolean()) }), z.literal(false)]),
);
const call = z.union([z.object({ tokens: z.number() }), z.object({ ms: z.number() })]);
const names = z.record(z.string().check(z.regex(/^[a-z]+$/, 'expected letters')), z.string());

describe('a problem', () => {
  it.each<[what: string, schema: z.ZodMiniType, value: unknown, param: string, words: string]>([
    ['absent', z.string(), undefined, 'x', 'expected a string, but it is missing'],
    ['null', z.number(), null, 'x', 'expected a number, not null'],
    ['another kind', z.boolean(), 'true', 'x', 'expected true or false, not a string'],
    [
      'a list for a record',
      z.record(z.string(), z.unknown()),
      [],
      'x',
      'expected an object, not a list',
    ],
    ['an object for a list', z.array(z.unknown()), {}, 'x', 'expected a list, not an object'],
    [
      'beyond all numbers',
      z.number(),
      JSON.parse('1e400'),
      'x',
      'expected a number, not one of that size',
    ],
    [
      'a limit beyond all numbers',
      limit,
      JSON.parse('1e400'),
      'x',
      'expected a number, or -1, not one of that size',
    ],
    ['a fraction', z.int(), 1.5, 'x', 'expected a whole number'],
    ['no int at all', z.int(), '1', 'x', 'expected a number, not a string'],
    ['too small', intWithin(1, 9), 0, 'x', 'expected at least 1'],
    ['too large', intWithin(1, 9), 10, 'x', 'expected at most 9'],
    ['too short', textWithin(1, 9), '', 'x', 'expected at least 1 character'],
    ['too long', textWithin(1, 2), 'abc', 'x', 'expected at most 2 characters'],
    ['too few', z.array(z.unknown()).check(z.minLength(1)), [], 'x', 'expected at least 1 item'],
    ['one value', z.literal('24h'), '1h', 'x', 'expected "24h"'],
    ['one value of another kind', z.literal('24h'), 24, 'x', 'expected "24h", not a number'],
    ['none of some', z.enum(['a', 'b']), 'A', 'x', 'expected one of "a", "b"'],
    ['no value at all', z.literal('24h'), undefined, 'x', 'expected "24h", but it is missing'],
    ['options that are true', options, true, 'x', 'expected an object, or false'],
    ['one of some', z.enum(['a', 'b']), 5, 'x', 'expected one of "a", "b", not a number'],
    ['a limit as text', limit, '100', 'x', 'expected a number, or -1, not a string'],
    ['a limit that is true', limit, true, 'x', 'expected a number, or -1, not a boolean'],
    ['a limit below', limit, -5, 'x', 'expected at least 0'],
    ['options of another kind', options, 'yes', 'x', 'expected an object, or false, not a string'],
    [
      'within options',
      options,
      { usage: 'yes' },
      'x.usage',
      'expected true or false, not a string',
    ],
    ['within one of two objects', call, { ms: 'a' }, 'x.ms', 'expected a number, not a string'],
    ['neither of two objects', call, {}, 'x.tokens', 'expected a number, but it is missing'],
    ['a name', names, { 'A b': '' }, 'x.A b', 'expected letters'],
    ['an unknown name', z.strictObject({}), { a: 1 }, 'x.a', 'there is no such field'],
  ])('%s', (_, schema, value, param, words) => {
    const parsed = z.object({ x: schema }).safeParse(value === undefined ? {} : { x: value });
    if (parsed.success) throw new Error('it was taken');
    expect(firstProblem(parsed.error)).toEqual({ param, message: `Field "${param}": ${words}.` });
  });

  it('of the whole body names no field', () => {
    const parsed = z.object({}).safeParse([]);
    if (parsed.success) throw new Error('it was taken');
    const message = 'The body: expected an object, not a list.';
    expect(firstProblem(parsed.error)).toEqual({ message });
  });
});

describe('a problem of a part', () => {
  it('is named by its place in the whole, once', () => {
    const problem = { param: 'a[0].b', message: 'Field "a[0].b": expected a number.' };
    expect(problemWithin('body.', problem)).toEqual({
      param: 'body.a[0].b',
      message: 'Field "body.a[0].b": expected a number.',
    });
  });

  it('has the name as it is', () => {
    const problem = { param: "$&$'", message: `Field "$&$'": expected a number.` };
    expect(problemWithin('$`.', problem)).toEqual({
      param: "$`.$&$'",
      message: `Field "$\`.$&$'": expected a number.`,
    });
  });
});

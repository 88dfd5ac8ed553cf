/** The words of problems are zod's, for every kind of schema that the configuration and bodies use. */
import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import en from 'zod/v4/locales/en.js';
import { issueText } from '../../../src/http/issue-text.ts';

const WRONG: ReadonlyArray<[name: string, schema: z.ZodMiniType, ...wrong: unknown[]]> = [
  ['string', z.string(), 5, null, undefined, [], {}, true, Number.NaN],
  ['number', z.number(), 'a', Infinity, -Infinity, Number.NaN, null],
  ['boolean', z.boolean(), 'true', 0],
  ['whole number', z.int(), 1.5, 'a', 2 ** 60],
  ['array', z.array(z.string()), {}, 'a', [5]],
  ['object', z.strictObject({ a: z.optional(z.string()) }), [], { b: 1 }, { b: 1, c: 2, a: 3 }],
  ['loose object', z.looseObject({ a: z.string() }), null, {}],
  ['enum', z.enum(['a', 'b']), 'c', 5, undefined],
  ['literal', z.literal('a'), 'b', null],
  ['literals', z.literal([1, 2, null, true]), 3],
  ['union', z.union([z.string(), z.object({ a: z.number() })]), 5, { a: 'b' }],
  ['long text', z.string().check(z.maxLength(2)), 'abc'],
  ['short text', z.string().check(z.minLength(2)), 'a'],
  ['pattern', z.string().check(z.regex(/^a+$/)), 'b'],
  ['long list', z.array(z.int()).check(z.maxLength(1)), [1, 2]],
  ['short list', z.array(z.int()).check(z.minLength(1)), []],
  ['low', z.number().check(z.minimum(1)), 0.5],
  ['high', z.number().check(z.maximum(1)), 1.5],
  ['above', z.number().check(z.gt(1)), 1],
  ['below', z.number().check(z.lt(1)), 1],
  ['record', z.record(z.string().check(z.maxLength(1)), z.int()), { ab: 1 }, { a: 'b' }, 5],
  ['custom', z.custom((value) => value === 1), 2],
];

describe('the text of an issue', () => {
  it.each(WRONG.map(([name, ...of]) => [name, of] as const))(
    'of a %s is as zod has it',
    (_, [schema, ...values]) => {
      const zodText = en().localeError;
      for (const value of values) {
        const texts = [issueText, zodText].map((error) => {
          const parsed = z.safeParse(schema, value, { error });
          return parsed.error?.issues.map(({ message }) => message);
        });
        expect(texts[0]).toEqual(texts[1]);
        expect(texts[0]?.length).toBeGreaterThan(0);
      }
    },
  );
});

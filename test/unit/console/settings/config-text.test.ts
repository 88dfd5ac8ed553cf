/** Where fields of an edited configuration stand, and what is said of a text that is no JSON. */
import { describe, expect, it } from 'vitest';
import {
  lineOf,
  partsAt,
  pathOf,
  placeOfPath,
  readText,
  textOf,
} from '../../../../src/console/screens/settings/config-text.ts';

const CONFIG = {
  backends: {
    'llm.large': {
      endpoints: [
        { url: 'https://a.test/v1', slots: 8 },
        { url: 'b', slots: 9 },
      ],
    },
    llm: { models: ['m'] },
  },
};
const TEXT = textOf(CONFIG);

function at(path: string): string {
  const read = readText(TEXT);
  if (!read.ok) throw new Error('not read');
  const { offset, length } = placeOfPath(read.root, path);
  return TEXT.slice(offset, offset + length);
}

describe('places', () => {
  it('are those of the value, also below names with dots', () => {
    expect(at('backends.llm.large.endpoints[1].slots')).toBe('9');
    expect(at('backends.llm.models[0]')).toBe('"m"');
    expect(at('backends.llm.large.endpoints')).toBe('"endpoints"');
  });

  it('are those of the nearest field that is there, where one is missing', () => {
    expect(at('backends.llm.queue.depth')).toBe('"llm"');
    expect(at('policy')).toBe('{');
    expect(at('')).toBe('{');
  });

  it('lead from the cursor to the field, also in a text that is not whole', () => {
    const text = '{"backends": {"llm": {"endpoints": [{"slots": ';
    expect(pathOf(partsAt(text, text.length))).toBe('backends.llm.endpoints[0].slots');
  });

  it('have a line and a column from 1', () => {
    expect(lineOf('a\nbc\n', 0)).toEqual({ line: 1, column: 1 });
    expect(lineOf('a\nbc\n', 3)).toEqual({ line: 2, column: 2 });
    expect(lineOf('a\nbc\n', 5)).toEqual({ line: 3, column: 1 });
  });
});

describe('a text', () => {
  it.each([
    ['', /empty|value/],
    ['{"a": 1,}', /name|value/],
    ['{"a": 1} // why', /comments/],
    ['{"a" 1}', /colon/],
    ['[1]', /object/],
    ['{"a": 1, "a": 2}', /twice/],
    ['['.repeat(200_000), /deep|expected/],
  ])('that is no configuration is told so: %#', (text, words) => {
    const read = readText(text);
    expect(read.ok).toBe(false);
    if (!read.ok) expect(read.problems[0]?.message).toMatch(words);
  });

  it('has the place of what is wrong', () => {
    const read = readText('{\n  "a": 1\n  "b": 2\n}');
    expect(read.ok).toBe(false);
    if (!read.ok) expect(read.problems[0]?.place?.offset).toBe(13);
  });
});

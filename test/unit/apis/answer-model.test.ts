/** The answer's model is written where it is the answer's, however its bytes are cut. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ModelName, StreamModelName, withModelName } from '../../../src/apis/answer-model.ts';

const ASKED = 'claude-"9"';
const json = JSON.stringify(ASKED);

/** What is written for a text that comes in pieces of this many bytes. */
function rewritten(
  text: string,
  size: number,
  writer: Pick<ModelName, 'push'> = new ModelName(ASKED),
): string {
  const bytes = Buffer.from(text);
  const parts = [];
  for (let at = 0; at < bytes.length; at += size) {
    parts.push(writer.push(Uint8Array.from(bytes.subarray(at, at + size))));
  }
  return Buffer.concat(parts).toString();
}

describe('the model of a plain answer', () => {
  it.each([
    ['{"model":"a","x":1}', `{"model":${json},"x":1}`],
    ['{"x":[{"model":"a"}],"model" :\n "a\\"b" }', `{"x":[{"model":"a"}],"model" :\n ${json} }`],
    ['{"response":{"model":"a"}}', `{"response":{"model":${json}}}`],
    [
      '{"message":{"x":{"model":"a"},"model":"a"}}',
      `{"message":{"x":{"model":"a"},"model":${json}}}`,
    ],
    [
      '{"type":"x","message":{"model":"a"},"model":"a"}',
      `{"type":"x","message":{"model":${json}},"model":${json}}`,
    ],
  ])('is written in %s', (text, expected) => {
    for (let size = 1; size <= text.length; size += 1) expect(rewritten(text, size)).toBe(expected);
  });

  it.each([
    '{"model":null}',
    '{"model":{"model":"a"}}',
    '{"model":["a"]}',
    '{"metadata":{"model":"a"}}',
    '{"message":[{"model":"a"}],"response":"model"}',
    '{"a":"model","b":"\\"model\\":\\"a\\""}',
    '{"content":"{\\"model\\":\\"a\\"}","models":"a","mode":"a","xmodel":"a"}',
    '[{"model":"a"},"model","a"]',
    '"model"',
    '{"data":[{"id":"a","response":{"model":"a"}}]}',
  ])('is left where it is none: %s', (text) => {
    for (let size = 1; size <= text.length; size += 1) expect(rewritten(text, size)).toBe(text);
  });

  it('is all that changes, in any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.integer({ min: 1, max: 40 }), (value, size) => {
        const body = { value, model: 'a', response: { model: 'b', value } };
        const expected = { value, model: ASKED, response: { model: ASKED, value } };
        expect(rewritten(JSON.stringify(body), size)).toBe(JSON.stringify(expected));
      }),
    );
  });
});

describe('the model of a stream', () => {
  const text =
    ': comment {"model":"a"}\r\nid: 1\r\ndata: {"model":"a","x":\r\ndata: 1}\r\n\r\n' +
    'data: {"mod\n\ndata:{"response":{"model":"a"}}\n\ndata\rdatax: {"model":"a"}\r\rdata: [DONE]\n\n';
  const expected =
    `: comment {"model":"a"}\r\nid: 1\r\ndata: {"model":${json},"x":\r\ndata: 1}\r\n\r\n` +
    `data: {"mod\n\ndata:{"response":{"model":${json}}}\n\ndata\rdatax: {"model":"a"}\r\rdata: [DONE]\n\n`;

  it('is written in each event, however the bytes are cut', () => {
    for (let size = 1; size <= text.length; size += 1) {
      expect(rewritten(text, size, new StreamModelName(ASKED))).toBe(expected);
    }
  });
});

describe('an answer', () => {
  it.each([
    ['application/json; charset=utf-8', true],
    ['APPLICATION/JSON', true],
    ['application/vnd.x+json', true],
    ['text/plain', false],
    ['audio/mpeg', false],
  ])('of type %s: %s', async (type, isRewritten) => {
    const answer = new Response('{"model":"a"}', { headers: { 'content-type': type } });
    const text = await withModelName(answer, 'b').text();
    expect(text).toBe(isRewritten ? '{"model":"b"}' : '{"model":"a"}');
  });

  it('that is encoded stays as it is', async () => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'zstd' };
    expect(await withModelName(new Response('{"model":"a"}', { headers }), 'b').text()).toBe(
      '{"model":"a"}',
    );
  });
});

/** What is read of a body beside its prompt: the model, and how many sequences it asks for. */
import { describe, expect, it } from 'vitest';
import { MODEL_APIS, type ModelApi } from '../../../src/apis/model-apis.ts';
import { parseModelRequest, withFields } from '../../../src/apis/model-request.ts';
import { USUAL_BOUNDS } from '../../../src/http/json-scan.ts';

type ApiName = keyof typeof MODEL_APIS;

const read = (json: string, api: ApiName, pathModel?: string) =>
  parseModelRequest(
    Uint8Array.from(new TextEncoder().encode(json)),
    MODEL_APIS[api],
    USUAL_BOUNDS,
    undefined,
    pathModel,
  );

function requestOf(json: string, api: ApiName, pathModel?: string) {
  const parsed = read(json, api, pathModel);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.request;
}

describe('sequences', () => {
  const prompt = '"prompt":"a"';
  it.each<[string, ApiName, number, number]>([
    ['"messages":[{"role":"user","content":"a"}]', 'chat', 1, 1],
    ['"messages":[{"role":"user","content":"a"}],"n":3', 'chat', 3, 3],
    ['"messages":[{"role":"user","content":"a"}],"n":null', 'chat', 1, 1],
    [`${prompt},"best_of":5`, 'completion', 1, 5],
    [`${prompt},"best_of":5,"n":2`, 'completion', 2, 5],
    [`${prompt},"best_of":1,"n":2`, 'completion', 2, 2],
    [`${prompt},"best_of":null`, 'completion', 1, 1],
    ['"prompt":["a","b"],"best_of":3', 'completion', 2, 6],
    ['"prompt":[1,2,3]', 'completion', 1, 1],
    ['"prompt":[[1,2],[3]]', 'completion', 2, 2],
    ['"input":"a"', 'embedding', 1, 1],
    ['"input":["a"]', 'embedding', 1, 1],
    ['"input":["a","b"]', 'embedding', 1, 2],
    ['"input":[1,2,3]', 'embedding', 1, 1],
    ['"input":[[1],[2],[3]]', 'embedding', 1, 3],
    // Many are computed in one batch.
    [`"input":[${Array(2_048).fill('"a"')}]`, 'embedding', 1, 4],
    ['"input":[]', 'embedding', 1, 1],
    ['"input":null', 'responses', 1, 1],
    ['"input":["a","b"]', 'moderation', 1, 2],
    ['"input":[{"type":"text","text":"a"},{"type":"text","text":"b"}]', 'moderation', 1, 1],
    ['"input":[{"role":"user","content":"a"},{"role":"user","content":"b"}]', 'responses', 1, 1],
  ])('of %s', (fields, api, choices, sequences) => {
    expect(requestOf(`{"model":"m",${fields}}`, api)).toMatchObject({ choices, sequences });
  });
});

describe('the tokens of an input', () => {
  it.each<[string, ApiName, number]>([
    ['"prompt":[1,2,3]', 'completion', 3],
    ['"prompt":[[ 1 ,\n2],[3],[]]', 'completion', 3],
    ['"prompt":[100257]', 'completion', 1],
    ['"prompt":[]', 'completion', 0],
    ['"prompt":"1,2,3,4"', 'completion', 2],
    ['"prompt":["1,2","3,4"]', 'completion', 2],
    [`"input":[${Array(8_000).fill(100_257)}]`, 'embedding', 8_000],
    [`"input":[${Array(10).fill('[7,8,9]')}]`, 'embedding', 30],
    ['"input":[1.5e3,-2]', 'embedding', 2],
    ['"input":[null,true]', 'embedding', 0],
    ['"input":[{"embedding":[1,2,3]}]', 'embedding', 0],
    ['"input":[{"role":"user","content":"abcdefgh"}]', 'responses', 2],
  ])('%.40s of %s are counted, as numbers too', (fields, api, tokens) => {
    expect(requestOf(`{"model":"m",${fields}}`, api).inputTokens).toBe(tokens);
  });
});

const LIMITS = ['max_completion_tokens', 'max_output_tokens', 'max_tokens'] as const;
/** What every API needs, so that only the field that is tried decides. */
const WHOLE =
  '"model":"m","messages":[{"role":"user","content":"a"}],"prompt":"a","input":"a","query":"a",' +
  '"documents":[],"max_tokens":7';

describe('a field that the API does not have', () => {
  const apis = Object.keys(MODEL_APIS) as ApiName[];
  const odd = ['"99"', '{"a":1}', '[[5]]', 'true', '-5e300', '1e400', '0', '3', '2.5', '"x"', '[]'];

  const fields = [...LIMITS, 'n', 'best_of', 'prompt', 'input'] as const;
  const tries = fields.flatMap((field) => odd.map((value) => ({ field, value })));

  it.each(apis)('limits and counts nothing in %s', (api) => {
    const { limits = [], counts = [] }: ModelApi = MODEL_APIS[api];
    const known = new Set<string>([...limits, ...counts]);
    // The usual `max_tokens` stands there in any case.
    const bare = limits.includes('max_tokens') ? 7 : undefined;
    for (const { field, value } of tries) {
      const told = read(`{${WHOLE},"${field}":${value}}`, api);
      if (!told.ok) continue;
      const { maxOutputTokens, choices, sequences } = told.request;
      const isBounded = [maxOutputTokens ?? 0, choices, sequences].every((n) => n >= 0 && n < 1e9);
      expect(isBounded, `${field}: ${value}`).toBe(true);
      if (known.has(field)) continue;
      expect([maxOutputTokens, choices, sequences], `${field}: ${value}`).toEqual([bare, 1, 1]);
    }
  });

  it.each<[string, ApiName, number | undefined]>([
    ['"max_tokens":5', 'chat', 5],
    ['"max_tokens":5,"max_completion_tokens":9', 'chat', 9],
    ['"max_tokens":5,"max_completion_tokens":null', 'chat', 5],
    ['"max_tokens":5,"max_completion_tokens":-1', 'chat', undefined],
    ['"max_tokens":5,"max_output_tokens":1', 'chat', 5],
    ['"max_tokens":5,"max_completion_tokens":1', 'messages', 5],
    ['"max_tokens":5,"max_output_tokens":1', 'completion', 5],
    ['"max_tokens":5,"max_output_tokens":8', 'responses', 8],
    ['"max_tokens":5', 'responses', undefined],
    ['"max_tokens":5', 'embedding', undefined],
  ])('leaves the limit of %s', (fields, api, limit) => {
    expect(requestOf(`{${WHOLE},${fields}}`, api).maxOutputTokens).toBe(limit);
  });

  it.each([
    ['16384', 16_384, 1_024],
    ['1025', 1_025, 1_024],
    ['2.9', 2, 2],
    ['0', 1, 1],
    ['-3', 1, 1],
    ['null', 1, 1],
  ])('that asks for %s answers asks for %i, in %i sequences', (n, choices, sequences) => {
    const told = requestOf(`{${WHOLE},"n":${n}}`, 'chat');
    expect([told.choices, told.generated, told.sequences]).toEqual([choices, choices, sequences]);
  });

  it.each(['16385', '1e9', '1e400', '"1000"', 'true', '[2]', '{}'])(
    'is refused where it asks for %s answers, which engines refuse or read differently',
    (n) => {
      for (const [api, fields] of [
        ['chat', ['n']],
        ['completion', ['n', 'best_of']],
        ['image', ['n']],
      ] as const) {
        for (const field of fields) {
          const refused = read(`{${WHOLE},"${field}":${n}}`, api);
          expect(refused).toMatchObject({ ok: false, error: { param: field } });
        }
      }
      // APIs without the field do not look at it.
      expect(requestOf(`{${WHOLE},"n":${n}}`, 'messages').choices).toBe(1);
    },
  );

  it('may generate what it throws away, for each of its prompts', () => {
    const told = requestOf('{"model":"m","prompt":["a","b"],"n":2,"best_of":5}', 'completion');
    expect([told.choices, told.generated]).toEqual([4, 10]);
  });
});

describe('byte order marks', () => {
  const json = '{"model":"m","messages":[{"role":"user","content":"\ufeffa"}]}';

  it.each([0, 1, 2, 3])('%i before a body are not passed on', (count) => {
    const request = requestOf('\ufeff'.repeat(count) + json, 'chat');
    expect(Buffer.from(withFields(request, { usage: false })).toString()).toBe(json);
  });

  it('elsewhere, and alone, are no JSON', () => {
    for (const text of ['\ufeff', '\ufeff\ufeff', `${json}\ufeff`, ` \ufeff${json}`]) {
      expect(read(text, 'chat')).toMatchObject({ ok: false });
    }
  });
});

describe('a model in the path', () => {
  const messages = '"messages":[{"role":"user","content":"a"}]';
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const sent = (json: string, model?: string) => {
    const request = requestOf(json, 'chat', 'gpt');
    return [request.model, text(withFields(request, { usage: false, model }))];
  };

  it('counts where the body names none, and is written into it', () => {
    expect(sent(`{${messages}}`)).toEqual(['gpt', `{${messages},"model":"gpt"}`]);
    expect(sent(`{"model":null,${messages}}`)).toEqual(['gpt', `{"model":"gpt",${messages}}`]);
    expect(sent(`{${messages}}`, 'inner')).toEqual(['gpt', `{${messages},"model":"inner"}`]);
  });

  it('does not count where the body names one, of whatever kind', () => {
    expect(sent(`{"model":"m",${messages}}`)).toEqual(['m', `{"model":"m",${messages}}`]);
    for (const model of ['""', '7', '{}', '[]']) {
      const refused = read(`{"model":${model},${messages}}`, 'chat', 'gpt');
      expect(refused).toMatchObject({ ok: false, error: { param: 'model' } });
    }
    expect(read('[]', 'chat', 'gpt').ok).toBe(false);
  });

  it('is written into a body without any field', () => {
    const request = requestOf('{ }', 'score', 'a"b');
    expect(text(withFields(request, { usage: false }))).toBe('{ "model":"a\\"b"}');
  });
});

describe("vLLM's shapes", () => {
  it.each<[string, ApiName]>([
    [
      '"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]',
      'embedding',
    ],
    ['"prompt_embeds":"AAAA"', 'completion'],
    ['"prompt_embeds":["AAAA","BBBB"],"prompt":null', 'completion'],
    ['"query":"q","documents":{"content":[{"type":"text","text":"a"}]}', 'rerank'],
    ['"query":{"content":[{"type":"text","text":"q"}]},"documents":["a"]', 'rerank'],
    ['"query":"q","documents":[{"text":"a"},"b"]', 'rerank'],
    ['"text_1":"a","text_2":["b","c"]', 'score'],
    ['"data_1":{"content":[]},"data_2":["b"]', 'score'],
    ['"queries":["a"],"documents":["b"]', 'score'],
  ])('%s is taken as it is', (fields, api) => {
    const json = `{"model":"m",${fields}}`;
    const request = requestOf(json, api);
    expect(new TextDecoder().decode(withFields(request, { usage: false }))).toBe(json);
  });

  it.each<[string, ApiName, string]>([
    ['"stream":false', 'completion', 'prompt'],
    ['"query":"q","documents":"a"', 'rerank', 'documents'],
    ['"documents":["a"]', 'rerank', 'query'],
  ])('%s is refused at %s', (fields, api, param) => {
    const refused = read(`{"model":"m",${fields}}`, api);
    expect(refused).toMatchObject({ ok: false, error: { param } });
  });
});

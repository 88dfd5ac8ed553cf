/** What engines tell of their load, as they write it, and what servers that are none answer. */
import { describe, expect, it } from 'vitest';
import type { PlatformRequest } from '../../../src/endpoints/adapter.ts';
import { askLoad } from '../../../src/endpoints/ask-load.ts';
import { LOAD_FORMS, loadRequest } from '../../../src/endpoints/engine-load.ts';
import type { PlatformIo, Sent } from '../../../src/endpoints/platform-io.ts';

const [METRICS, SLOTS, PROPS] = LOAD_FORMS;
const answer = (body: string, status = 200) => ({ status, body, isWhole: true });

describe('metrics', () => {
  it.each<[string, string, object | undefined]>([
    [
      'llama.cpp',
      '# TYPE llamacpp:requests_processing gauge\nllamacpp:requests_processing 3\nllamacpp:requests_deferred 0\n',
      { running: 3, waiting: 0, slotsAt: PROPS },
    ],
    [
      'llama.cpp with a queue: its slots are those that run',
      'llamacpp:requests_processing 4\nllamacpp:requests_deferred 12\n',
      { running: 4, waiting: 12, slots: 4, slotsAt: PROPS },
    ],
    [
      'vLLM with several engines, a space in a label and floats',
      'vllm:num_requests_running{engine="0",model_name="a b"} 10.0\nvllm:num_requests_running{engine="1",model_name="a b"} 6.0\n' +
        'vllm:num_requests_waiting{engine="0",model_name="a b"} 2.0\nvllm:num_requests_waiting{engine="1",model_name="a b"} 0.0\n' +
        'vllm:num_requests_waiting_by_reason{reason="capacity"} 99.0\n',
      { running: 16, waiting: 2 },
    ],
    [
      'SGLang',
      'sglang:num_running_reqs{model_name="m"} 8.0\r\nsglang:num_queue_reqs{model_name="m"} 4.0\r\n',
      { running: 8, waiting: 4 },
    ],
    ['TGI', 'tgi_batch_current_size 4\ntgi_queue_size 7', { running: 4, waiting: 7 }],
    [
      'with a time stamp',
      'tgi_batch_current_size 4 171\ntgi_queue_size 7 171',
      { running: 4, waiting: 7 },
    ],
    ['not a number', 'tgi_batch_current_size NaN\ntgi_queue_size 7', undefined],
    ['infinite', 'tgi_batch_current_size +Inf\ntgi_queue_size 7', undefined],
    ['negative', 'tgi_batch_current_size -1\ntgi_queue_size 7', undefined],
    ['half of it, as the rest is cut off', 'tgi_batch_current_size 4\ntgi_que', undefined],
    ['comments alone', '# HELP tgi_batch_current_size 4\n# HELP tgi_queue_size 7', undefined],
    ['a page of HTML', '<html>tgi_batch_current_size 4</html>', undefined],
    ['of another program', 'go_goroutines 12\n', undefined],
    ['nothing', '', undefined],
  ])('%s', (_, text, load) => {
    expect(METRICS?.read(answer(text))).toEqual(load);
  });

  it('of a hundred thousand lines are read in no time that matters', () => {
    const text = `${'vllm:x_bucket{le="1"} 1\n'.repeat(10_000)}vllm:num_requests_running 1\nvllm:num_requests_waiting 2\n`;
    expect(METRICS?.read(answer(text))).toEqual({ running: 1, waiting: 2 });
    expect(
      METRICS?.read(answer(`vllm:num_requests_running{${'{'.repeat(200_000)}`)),
    ).toBeUndefined();
  });
});

describe('slots of llama.cpp', () => {
  it.each<[string, string, object | undefined]>([
    [
      'are counted',
      '[{"id":0,"is_processing":true},{"id":1,"is_processing":false}]',
      { slots: 2, running: 1 },
    ],
    ['had a state once', '[{"id":0,"state":1},{"id":1,"state":0}]', { slots: 2, running: 1 }],
    ['none', '[]', undefined],
    [
      'disabled',
      '{"error":{"code":501,"message":"This server does not support slots endpoint."}}',
      undefined,
    ],
    ['of another server', '[1,2,3]', undefined],
    ['no list', '{"data":[]}', undefined],
    ['cut off', '[{"id":0,"is_process', undefined],
  ])('%s', (_, text, load) => {
    expect(SLOTS?.read(answer(text))).toEqual(load);
  });
});

it.each<[string, object | undefined]>([
  ['{"total_slots":4,"model_path":"x"}', { slots: 4 }],
  ['{"total_slots":0}', undefined],
  ['{"total_slots":"4"}', undefined],
  ['{"total_slots":1e99}', undefined],
  ['{"role":"router","max_instances":4}', undefined],
  ['null', undefined],
  ['<!doctype html>', undefined],
])('properties of llama.cpp: %s', (text, load) => {
  expect(PROPS?.read(answer(text))).toEqual(load);
});

it.each([
  ['http://gpu:8080/v1', 'http://gpu:8080/metrics'],
  ['http://gpu:8080/v1/', 'http://gpu:8080/metrics'],
  ['http://gpu:8080', 'http://gpu:8080/metrics'],
  ['https://proxy/llm-1/v1', 'https://proxy/llm-1/metrics'],
  ['https://proxy/api/v1?tenant=a', 'https://proxy/api/metrics'],
])('%s is asked at %s', (url, expected) => {
  const [form] = LOAD_FORMS;
  expect(form && loadRequest(form, { url, auth: {} })).toMatchObject({
    method: 'GET',
    url: expected,
  });
});

describe('asking', () => {
  /** Answers by path; the answers to one path in their order, the last one for good. */
  function engine(answers: Record<string, ReadonlyArray<[number, string] | 'silent'>>) {
    const seen: string[] = [];
    const counts = new Map<string, number>();
    const io: PlatformIo = {
      now: () => 0,
      wait: async (ms) => void seen.push(`wait ${ms}`),
      send: async ({ url }: PlatformRequest): Promise<Sent> => {
        const { pathname } = new URL(url);
        seen.push(pathname);
        const count = counts.get(pathname) ?? 0;
        counts.set(pathname, count + 1);
        const list = answers[pathname] ?? [[404, '{"detail":"Not Found"}'] as const];
        const next = list[Math.min(count, list.length - 1)];
        if (!next || next === 'silent') return { kind: 'silent' };
        return { kind: 'answered', answer: answer(next[1], next[0]) };
      },
    };
    const target = { url: 'http://gpu/v1', auth: {}, model: 'm' };
    return { seen, ask: (known = LOAD_FORMS[3]) => askLoad(target, known, io) };
  }
  const busy = 'tgi_batch_current_size 4\ntgi_queue_size 4';
  const idle = 'tgi_batch_current_size 4\ntgi_queue_size 0';

  it('goes on to what the engine has', async () => {
    const { ask, seen } = engine({
      '/slots': [[501, '{}']],
      '/props': [[200, '{"total_slots":4}']],
    });
    expect(await ask()).toMatchObject({ load: { slots: 4 } });
    expect(seen).toEqual(['/metrics', '/slots', '/props']);
  });

  it('asks in the known way alone', async () => {
    const { ask, seen } = engine({ '/metrics': [[200, idle]] });
    const told = await ask();
    await ask(told?.form);
    expect(seen).toEqual(['/metrics', '/metrics']);
  });

  it('takes a queue for one only if it lasts', async () => {
    const passing = engine({
      '/metrics': [
        [200, busy],
        [200, idle],
      ],
    });
    expect((await passing.ask())?.load).toEqual({ running: 4, waiting: 0 });
    const lasting = engine({ '/metrics': [[200, busy]] });
    expect((await lasting.ask())?.load).toEqual({ running: 4, waiting: 4 });
    expect(lasting.seen).toHaveLength(3);
  });

  it('asks llama.cpp for its slots beside its load', async () => {
    const load = 'llamacpp:requests_processing 3\nllamacpp:requests_deferred 0\n';
    const { ask, seen } = engine({
      '/metrics': [[200, load]],
      '/props': [[200, '{"total_slots":4}']],
    });
    expect((await ask())?.load).toEqual({ running: 3, waiting: 0, slots: 4 });
    expect(seen).toEqual(['/metrics', '/props']);
    const refuses = engine({ '/metrics': [[200, load]], '/props': ['silent'] });
    expect((await refuses.ask())?.load).toEqual({ running: 3, waiting: 0 });
  });

  it('keeps what a queue has shown of its slots, where it tells them nowhere', async () => {
    const load = (waiting: number) =>
      `llamacpp:requests_processing 4\nllamacpp:requests_deferred ${waiting}\n`;
    const { ask } = engine({
      '/metrics': [
        [200, load(9)],
        [200, load(0)],
      ],
    });
    expect((await ask())?.load).toEqual({ running: 4, waiting: 0, slots: 4 });
    const told = engine({ '/metrics': [[200, load(9)]], '/props': [[200, '{"total_slots":6}']] });
    expect((await told.ask())?.load).toEqual({ running: 4, waiting: 9, slots: 6 });
  });

  it('leaves an engine alone that does not answer, or fails', async () => {
    const hangs = engine({ '/metrics': ['silent'] });
    expect(await hangs.ask()).toBeUndefined();
    expect(hangs.seen).toEqual(['/metrics']);
    const fails = engine({
      '/metrics': [
        [200, busy],
        [503, ''],
      ],
    });
    expect(await fails.ask()).toBeUndefined();
    const refuses = engine({ '/metrics': [[401, busy]], '/slots': [[302, '[]']] });
    expect(await refuses.ask()).toBeUndefined();
    expect(refuses.seen).toHaveLength(3);
  });
});

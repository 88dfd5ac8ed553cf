/** Tasks that tool calls hand out, and what a conversation begins with: their fingerprints meet. */
import { describe, expect, it } from 'vitest';
import { AnswerStream } from '../../../src/apis/streams/answer-stream.ts';
import { taskPrint, taskPrints } from '../../../src/apis/task-print.ts';
import { ToolTasks } from '../../../src/apis/tool-tasks.ts';

const TASK = 'Look through the folder "src" – alles, auch Ünterordner.\nThen list what you found.';
const ARGUMENTS = JSON.stringify({ description: 'Look', prompt: TASK, n: 3 });
const PRINT = taskPrint(TASK);

function streamed(format: 'openai' | 'messages' | 'responses', events: unknown[], size = 37) {
  const stream = new AnswerStream({ format, stripUsage: false });
  const text = events.map((e) => `data: ${JSON.stringify(e)}\n\n`).join('');
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) stream.push(bytes.slice(at, at + size));
  return stream.toolTasks.tasks;
}

function plain(answer: unknown) {
  const read = new ToolTasks();
  read.plain(answer);
  return read.tasks;
}

describe('the tasks of an answer', () => {
  const halves = [ARGUMENTS.slice(0, 41), ARGUMENTS.slice(41)];

  it('are read from streams of each API', () => {
    const chunk = (call: object) => ({ choices: [{ index: 0, delta: { tool_calls: [call] } }] });
    const [begin, rest] = halves;
    const streams = [
      streamed('openai', [
        chunk({ index: 0, id: 'call_a', function: { name: 'agent', arguments: begin } }),
        chunk({ index: 0, function: { arguments: rest } }),
      ]),
      // All calls with one index, whole and as a value.
      streamed('openai', [
        chunk({ index: 0, id: 'call_x', function: { name: 'f', arguments: '{}' } }),
        chunk({ index: 0, id: 'call_a', function: { arguments: JSON.parse(ARGUMENTS) } }),
      ]),
      streamed('messages', [
        {
          type: 'content_block_start',
          index: 1,
          content_block: { type: 'tool_use', id: 'call_a', input: {} },
        },
        ...halves.map((partial_json) => ({
          type: 'content_block_delta',
          index: 1,
          delta: { type: 'input_json_delta', partial_json },
        })),
      ]),
      streamed('responses', [
        {
          type: 'response.output_item.done',
          output_index: 0,
          item: { type: 'function_call', call_id: 'call_a', arguments: ARGUMENTS },
        },
      ]),
    ];
    for (const tasks of streams) expect(tasks).toEqual([[PRINT, 'call_a']]);
  });

  it('are read from plain answers of each API', () => {
    const call = { id: 'call_a', function: { name: 'agent', arguments: ARGUMENTS } };
    const answers = [
      { choices: [{ message: { tool_calls: [call] } }] },
      { content: [{ type: 'tool_use', id: 'call_a', input: JSON.parse(ARGUMENTS) }] },
      { output: [{ type: 'function_call', call_id: 'call_a', arguments: ARGUMENTS }] },
    ];
    for (const answer of answers) expect(plain(answer)).toEqual([[PRINT, 'call_a']]);
  });

  it('are none in what is cut off, odd or too long', () => {
    const of = (given: unknown) => ({
      choices: [{ message: { tool_calls: [{ id: 'c', function: { arguments: given } }] } }],
    });
    const long = JSON.stringify({ text: 'x'.repeat(40_000), prompt: TASK });
    for (const odd of [halves[0], long, 7, null, '"short"', '[[[["a text that is too deep"]]]]']) {
      expect(plain(of(odd))).toEqual([]);
    }
    for (const odd of [null, 'text', { choices: 7 }, { content: [7], output: [null] }]) {
      expect(plain(odd)).toEqual([]);
    }
  });

  it('are few, whatever the model writes', () => {
    const texts = Array.from({ length: 1_000 }, (_, i) => `the text with the number ${i}`);
    const calls = texts.map((_, i) => ({ id: `c${i}`, function: { arguments: { texts } } }));
    expect(plain({ choices: [{ message: { tool_calls: calls } }] }).length).toBeLessThan(33);
  });
});

describe('the beginning of a conversation', () => {
  it('meets its task with what clients write around it', () => {
    const before = 'You are a sub-agent.\nWork alone.\n';
    for (const text of [TASK, `${before}${TASK}\n`]) {
      expect(taskPrints(text)).toContain(PRINT);
    }
    expect(taskPrints(TASK)[0]).toBe(PRINT);
  });

  it('meets a long task that differs at its beginning or its end from others', () => {
    const long = 'word '.repeat(1_000);
    expect(taskPrints(`Read this:\n${long}`)).toContain(taskPrint(long));
    expect(taskPrints(`${long}one`)).not.toContain(taskPrint(`${long}two`));
  });

  it('meets no other task', () => {
    expect(taskPrints(`${TASK} Now.`)).not.toContain(PRINT);
    expect(taskPrints('List the files.')).not.toContain(taskPrint('List the filed.'));
    expect(taskPrint('README.md')).toBeUndefined();
    expect(taskPrints('Go on')).toEqual([]);
  });

  it('has few fingerprints, however many lines it has', () => {
    const lines = Array.from({ length: 500 }, (_, i) => `line ${i}`).join('\n');
    expect(taskPrints(lines).length).toBeLessThanOrEqual(17);
  });
});

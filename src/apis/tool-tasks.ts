/**
 * Reads from an answer the texts that its tool calls have as arguments, in the form of any API: a
 * sub-agent's conversation may begin with one. Only fingerprints of them are kept. Arguments that are
 * longer than a task would be are not read, so that a call that writes a file costs little.
 */
import { parsed } from '../http/foreign-error.ts';
import { fieldsOf, listOf } from './json-fields.ts';
import { latinJson } from './latin-text.ts';
import { taskPrint } from './task-print.ts';

/** A fingerprint, and the id of the tool call that it is from; empty where it has none. */
export type ToolTask = readonly [print: string, toolCall: string];

/** Most characters of arguments that are kept of one answer. */
const MAX_ARGUMENT_CHARS = 32_768;
/** Most events that are parsed, and the longest one. */
const MAX_EVENTS = 2_048;
const MAX_EVENT_CHARS = 40_960;
/** Most tool calls, texts of one and texts of all. */
const MAX_CALLS = 16;
const MAX_TEXTS = 8;
const MAX_TASKS = 32;
const MAX_DEPTH = 3;
const MAX_ID_CHARS = 64;
/** Words of which one stands in each event with arguments, looked for first since that is fast. */
const WORDS = ['tool_', 'input_json', 'function_call'];
/** Stands in each event with arguments; many endpoints send such fields as null in all others. */
const MARK = /"tool_calls"\s*:\s*\[|"tool_use"|"input_json_delta"|"type"\s*:\s*"function_call"/;

interface Call {
  id: string;
  /** JSON text, or else the value where the endpoint sends it as such. */
  text: string;
  value: unknown;
}

export class ToolTasks {
  /** Tool calls by their place in the answer. */
  readonly #calls = new Map<string, Call>();
  #chars = 0;
  #events = 0;

  get tasks(): readonly ToolTask[] {
    const tasks: ToolTask[] = [];
    for (const { id, text, value } of this.#calls.values()) {
      const texts = new Set<string>();
      collect(text === '' ? value : parsed(text), texts, 0);
      for (const print of texts) if (tasks.length < MAX_TASKS) tasks.push([print, id]);
    }
    return tasks;
  }

  /** Takes the data of an event, one character for each byte. */
  event(data: string): void {
    if (this.#chars >= MAX_ARGUMENT_CHARS || this.#events >= MAX_EVENTS) return;
    if (data.length > MAX_EVENT_CHARS || !WORDS.some((word) => data.includes(word))) return;
    if (!MARK.test(data)) return;
    this.#events += 1;
    const { choices, index, content_block, delta, type, item, output_index } = fieldsOf(
      latinJson(data),
    );
    for (const choice of listOf(choices)) {
      const { delta: said, index: place } = fieldsOf(choice);
      this.#takeCalls(fieldsOf(said).tool_calls, String(place ?? 0));
    }
    if (type === 'content_block_start') this.#takeBlock(content_block, String(index));
    if (type === 'content_block_delta') {
      this.#take(String(index), undefined, fieldsOf(delta).partial_json);
    }
    if (type === 'response.output_item.done') this.#takeItem(item, String(output_index));
  }

  /** Takes a plain answer as it was parsed. */
  plain(answer: unknown): void {
    const { choices, content, output } = fieldsOf(answer);
    listOf(choices).forEach((choice, i) => {
      this.#takeCalls(fieldsOf(fieldsOf(choice).message).tool_calls, String(i));
    });
    listOf(content).forEach((block, i) => {
      this.#takeBlock(block, String(i));
    });
    listOf(output).forEach((item, i) => {
      this.#takeItem(item, String(i));
    });
  }

  /** Calls of chat completions, whole or in pieces. */
  #takeCalls(calls: unknown, choice: string): void {
    listOf(calls).forEach((call, i) => {
      const { index, id, function: called } = fieldsOf(call);
      this.#take(`${choice} ${index ?? i}`, id, fieldsOf(called).arguments);
    });
  }

  /** A block of Anthropic's messages. */
  #takeBlock(block: unknown, place: string): void {
    const { type, id, input } = fieldsOf(block);
    if (type === 'tool_use') this.#take(place, id, input);
  }

  /** An item of Responses. */
  #takeItem(item: unknown, place: string): void {
    const { type, call_id, arguments: given } = fieldsOf(item);
    if (type === 'function_call') this.#take(place, call_id, given);
  }

  #take(place: string, id: unknown, given: unknown): void {
    let key = place;
    let call = this.#calls.get(key);
    const told = typeof id === 'string' ? id.slice(0, MAX_ID_CHARS) : '';
    // Some endpoints give all calls of an answer the same index.
    if (call && told !== '' && call.id !== '' && told !== call.id) {
      key = `${place} ${told}`;
      call = this.#calls.get(key);
    }
    if (!call) {
      if (this.#calls.size >= MAX_CALLS || (id === undefined && given === undefined)) return;
      call = { id: told, text: '', value: undefined };
      this.#calls.set(key, call);
    }
    if (told !== '') call.id = told;
    if (typeof given !== 'string') {
      call.value ??= given;
      return;
    }
    this.#chars += given.length;
    if (this.#chars < MAX_ARGUMENT_CHARS) call.text += given;
  }
}

/** Adds the fingerprints of the texts in a value. */
function collect(value: unknown, prints: Set<string>, depth: number): void {
  if (prints.size >= MAX_TEXTS) return;
  if (typeof value === 'string') {
    const print = taskPrint(value);
    if (print !== undefined) prints.add(print);
  } else if (typeof value === 'object' && value !== null && depth < MAX_DEPTH) {
    for (const inner of Object.values(value)) collect(inner, prints, depth + 1);
  }
}

/**
 * What the events of one streamed answer say: usage, tool calls, text, its end, and the fault that the
 * endpoint reports. How the bytes pass is in `answer-stream.ts`.
 */
import { withoutKey } from '../../http/key-mask.ts';
import { AnswerText } from '../answer-text.ts';
import { utf8Text } from '../latin-text.ts';
import { ToolCalls } from '../tool-calls.ts';
import { ToolTasks } from '../tool-tasks.ts';
import type { Usage } from '../usage.ts';
import type { AnswerFormat, StreamReader, StreamState } from './answer-format.ts';
import { readerOf } from './reader-of.ts';

export interface StreamKind {
  readonly format: Exclude<AnswerFormat, 'opaque'>;
  /** Talaria asked for usage and the client did not: the usage chunk is removed. */
  readonly stripUsage: boolean;
  /** Number of answers requested in one call, OpenAI's `n`. */
  readonly choices?: number | undefined;
  /** The endpoint's key, which is removed from the errors that it reports in its stream. */
  readonly key?: string | undefined;
}

export abstract class StreamReading {
  protected readonly kind: StreamKind;
  protected readonly reader: StreamReader;
  #hasEvents = false;
  #fault = '';

  /** The tool calls that the answer asks for. */
  readonly toolCalls: ToolCalls;
  /** The tasks that it hands to others. */
  readonly toolTasks = new ToolTasks();
  /** The beginning of its text. */
  readonly text = new AnswerText();

  constructor(kind: StreamKind) {
    this.kind = kind;
    this.toolCalls = new ToolCalls(kind.format);
    this.reader = readerOf(kind.format, kind.choices);
  }

  get usage(): Usage | undefined {
    return this.reader.usage;
  }

  get pieces(): number {
    return this.reader.pieces;
  }

  get state(): StreamState {
    return this.reader.state;
  }

  /** An event has come, whatever it says. */
  get hasEvents(): boolean {
    return this.#hasEvents;
  }

  /** There is something that a client would show, or keep. */
  get hasContent(): boolean {
    return this.reader.hasContent;
  }

  /** Data of the event in which the endpoint reported a fault, without its key. */
  get faultText(): string {
    return this.#fault;
  }

  /** Reads an event. `data`: with one character for each byte. */
  protected readEvent(name: string | undefined, data: string): void {
    const { reader } = this;
    this.#hasEvents = true;
    reader.read(name, data);
    this.toolCalls.push(data);
    this.toolTasks.event(data);
    this.text.event(data);
    if (reader.state !== 'failed' || this.#fault !== '') return;
    this.#fault = withoutKey(utf8Text(data), this.kind.key);
  }
}

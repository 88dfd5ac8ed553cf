/** Reads streams of chat completions and completions: chunks of `choices`, then `[DONE]`. */
import { errorIn, isObject, parsed } from '../../http/foreign-error.ts';
import { StreamUsage, type Usage } from '../usage.ts';
import type { StreamReader, StreamState } from './answer-format.ts';
import { isLateError, mayBeLateError } from './late-error.ts';
import { FINISH_REASON, isLastData, isReason, meaningsOf, OPENAI_EVENTS } from './stream-words.ts';

const LONG_ERROR = /^\s*\{\s*"error"\s*:\s*[{"]/;
/** Crane writes its faults as a bare text. */
const BARE_ERROR = /^\s*error\s*:/i;
/** Most answers of one call whose ends are told apart; a stream of more ends with `[DONE]` only. */
const MAX_CHOICES = 1_024;
/** Most chunks that are parsed for the ends of answers, and events with the word for errors. */
const MAX_PARSED = 4 * MAX_CHOICES;
/** Most other events behind content that are parsed for errors. */
const MAX_SIDE_EVENTS = 1_024;
/** Most events before the first content; what comes after so many is taken for content. */
const MAX_STARTS = 64;
/** Shorter data says nothing. */
const SHORTEST = 6;
const MEANING = meaningsOf(OPENAI_EVENTS);

export class OpenAiStream implements StreamReader {
  readonly #choices: number;
  readonly #finished = new Set<number>();
  isOver = false;
  #failed = false;
  #parsed = 0;
  #sideEvents = 0;
  #starts = 0;
  readonly #usage = new StreamUsage();
  hasContent = false;
  pieces = 0;
  /** Content came behind a reason to finish, as in streams that have one in each chunk. */
  #finishesEarly = false;

  /** `choices`: number of answers requested. */
  constructor(choices: number) {
    this.#choices = choices;
  }

  /** Some servers never send `[DONE]`: a finish reason for each choice completes the stream as well. */
  get state(): StreamState {
    if (this.#failed) return 'failed';
    return this.isOver || (this.#isFinished && !this.#finishesEarly) ? 'complete' : 'open';
  }

  get stateAtEnd(): StreamState {
    return this.state === 'open' && this.#isFinished ? 'complete' : this.state;
  }

  get usage(): Usage | undefined {
    return this.#usage.usage;
  }

  read(name: string | undefined, data: string): void {
    if (this.#failed) return;
    if (isLastData(data)) {
      this.isOver = true;
      return;
    }
    this.pieces += 1;
    if (name !== undefined && MEANING(name) === 'fault') {
      this.#failed = true;
      return;
    }
    if (data.length < SHORTEST) return;
    this.#usage.push(data);
    if (this.#needsLook(data)) this.#look(data);
  }

  /** Whether there is more to know of the event, within what may be parsed of its kind. */
  #needsLook(data: string): boolean {
    const isChunk = data.includes('"choices"');
    const mayFinish = isChunk && (this.#isFinished || FINISH_REASON.test(data));
    if (mayFinish || !this.hasContent || data.includes('"error"')) {
      this.#parsed += 1;
      return this.#parsed <= MAX_PARSED;
    }
    if (isChunk) return false;
    // Others write any number of events between the chunks, and few of them may be errors.
    if (!mayBeLateError(data)) return BARE_ERROR.test(data);
    this.#sideEvents += 1;
    return this.#sideEvents <= MAX_SIDE_EVENTS;
  }

  get #isFinished(): boolean {
    return this.#finished.size >= this.#choices;
  }

  #look(data: string): void {
    const chunk = parsed(data);
    // llama.cpp begins text completions with the event `null`.
    if (chunk === undefined && data.trim() === 'null') return this.#count(false);
    if (chunk === undefined) {
      // Of an event that is too long to be kept, the beginning is there.
      if (LONG_ERROR.test(data) || BARE_ERROR.test(data)) this.#failed = true;
      else this.hasContent = true;
      return;
    }
    if (this.hasContent ? isLateError(chunk) : errorIn(chunk)) {
      this.#failed = true;
      return;
    }
    if (!isObject(chunk) || !Array.isArray(chunk.choices)) return this.#count(false);
    if (this.#isFinished && chunk.choices.some(isContent)) this.#finishesEarly = true;
    for (const choice of chunk.choices) this.#finish(choice);
    this.#count(chunk.choices.some(isContent));
  }

  #finish(choice: unknown): void {
    if (!isObject(choice)) return;
    // Some leave it out, write null, or a text.
    const index = Number(choice.index ?? 0);
    if (!isReason(choice.finish_reason)) {
      if (isContent(choice)) this.#finished.delete(index);
      return;
    }
    this.hasContent = true;
    // An endpoint may invent any number of indices.
    if (Number.isInteger(index) && index < MAX_CHOICES) {
      this.#finished.add(index);
    }
  }

  #count(isContent: boolean): void {
    this.#starts += 1;
    if (isContent || this.#starts > MAX_STARTS) this.hasContent = true;
  }
}

/** A delta or a text with anything in it but its role. */
function isContent(choice: unknown): boolean {
  if (!isObject(choice)) return false;
  if (typeof choice.text === 'string' && choice.text !== '') return true;
  if (!isObject(choice.delta)) return choice.message !== undefined;
  return Object.entries(choice.delta).some(([name, value]) => name !== 'role' && isFull(value));
}

function isFull(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return value !== null && value !== '' && value !== undefined;
}

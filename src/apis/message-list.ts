/**
 * Reads a list of messages in a body, in one pass: all are counted, and the few are kept by which
 * callers are told apart. The other fields of a body are read in `body-sketch.ts`.
 */

import { given } from '../http/given.ts';
import type { JsonCursor } from '../http/json-cursor.ts';
import { FieldNames } from '../http/json-scan.ts';
import type { Author, PrefixChain } from './prefix-chain.ts';
import {
  CACHE_MARK,
  charsAt,
  charsOf,
  fieldChars,
  isPlain,
  kindOf,
  NONE,
  OtherText,
  TEXT_FIELDS,
  textAt,
} from './prompt-text.ts';

/** Most characters that are kept of a message, and of all system messages together. */
const MAX_TEXT_CHARS = 4_000;
/** The same of the first one of the user, which names the conversation: clients write much into it. */
const MAX_START_CHARS = 32_768;
/** Newest messages whose places are kept. */
const MAX_NEWEST = 32;
const MAX_SYSTEM_CHARS = 1_000;
const FIELDS = new FieldNames([...(['role', CACHE_MARK] as const), ...TEXT_FIELDS]);

const NO_OBJECT = {};

type Role = 'user' | 'system' | 'developer' | 'other';

export class MessageList {
  /**
   * The first message, the first of the user, and those of the system as far as they are read; at
   * the end the first item that is no message, as far as a schema has to see it.
   */
  readonly kept: unknown[] = [];
  /** Index in the body of each that is kept. */
  readonly index: number[] = [];
  /** Where the newest objects of the list begin, the oldest of them first. */
  newest: number[] = [];
  /** Number of objects in the list. */
  turns = 0;
  /** Characters that the model will read. */
  chars = 0;
  readonly #cursor: JsonCursor;
  #systemChars = 0;
  #hasUser = false;
  /** Of the message that was taken last: its role, and where its content is. */
  #role: Role = 'other';
  #contentAt = NONE;
  #author: Author = 'input';

  /**
   * Takes the list that is next; `strict`: it ends at the first item that is no message.
   * `charsBefore`: of the prompt whose `chain` goes on with these messages.
   */
  constructor(cursor: JsonCursor, strict: boolean, chain?: PrefixChain, charsBefore = 0) {
    this.#cursor = cursor;
    cursor.open();
    for (let i = 0; cursor.more(); i += 1) {
      const isObject = cursor.kind() === 'object';
      if (isObject) this.#keepPlace(cursor.at);
      const wrong = isObject ? this.#takeMessage() : NO_OBJECT;
      if (strict && wrong !== undefined) {
        this.#keep(isObject ? wrong : kindOf(cursor), i);
        return;
      }
      if (isObject) {
        this.#keepIfRead(i);
        chain?.messageEnded(this.#author, charsBefore + this.chars);
      } else if (cursor.kind() === 'string') this.chars += cursor.chars();
      else if (isPlain(cursor)) cursor.skipPlain();
      else this.chars += charsAt(cursor, 1);
    }
  }

  #keepPlace(at: number): void {
    this.newest.push(at);
    if (this.newest.length >= 2 * MAX_NEWEST) this.newest = this.newest.slice(-MAX_NEWEST);
  }

  #keepIfRead(i: number): void {
    this.turns += 1;
    const isSystem =
      (this.#role === 'system' || this.#role === 'developer') &&
      this.#systemChars < MAX_SYSTEM_CHARS;
    const isFirstUser = this.#role === 'user' && !this.#hasUser;
    this.#hasUser ||= isFirstUser;
    if (!isSystem && !isFirstUser && i > 0) return;
    const content =
      this.#contentAt === NONE
        ? undefined
        : textAt(
            this.#cursor.fork(this.#contentAt),
            isFirstUser ? MAX_START_CHARS : MAX_TEXT_CHARS,
          );
    if (isSystem) this.#systemChars += (content?.length ?? 0) + 1;
    this.#keep({ role: this.#role, ...given({ content }) }, i);
  }

  #keep(message: unknown, i: number): void {
    this.kept.push(message);
    this.index.push(i);
  }

  /**
   * Takes an object and counts its text. Where its role is no string, returns what is left of it for
   * a schema.
   */
  #takeMessage(): object | undefined {
    const cursor = this.#cursor;
    let wrong: object | undefined = {};
    let content = NONE;
    let text = NONE;
    let other: OtherText | undefined;
    this.#contentAt = NONE;
    this.#role = 'other';
    let isAssistants = false;
    cursor.open();
    while (cursor.more()) {
      const name = cursor.nameIn(FIELDS);
      if (name === undefined) cursor.skip();
      else if (name === 'role') {
        wrong = cursor.kind() === 'string' ? undefined : { role: kindOf(cursor) };
        this.#role = roleAt(cursor);
        isAssistants = cursor.is('assistant');
        cursor.skip();
      } else if (name === CACHE_MARK) cursor.ignore();
      else if (name === 'text') text = fieldChars(cursor, 1);
      else if (name === 'content') {
        this.#contentAt = cursor.at;
        content = fieldChars(cursor, 1);
      } else {
        other ??= new OtherText();
        other.take(cursor, name, 1);
      }
    }
    this.chars += charsOf(content, text, other);
    // Of the items of Responses that have no role, the outputs of tools alone are not the model's.
    const isModels = isAssistants || (wrong !== undefined && (other?.output ?? NONE) === NONE);
    this.#author = authorOf(this.#role, isModels);
    return wrong;
  }
}

function authorOf(role: Role, isModels: boolean): Author {
  if (role === 'system' || role === 'developer') return 'system';
  return isModels ? 'model' : 'input';
}

/** The role that is next, as far as messages are told apart by it. Does not pass over it. */
function roleAt(cursor: JsonCursor): Role {
  if (cursor.is('user')) return 'user';
  if (cursor.is('system')) return 'system';
  return cursor.is('developer') ? 'developer' : 'other';
}

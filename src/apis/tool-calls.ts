/**
 * Reads from an answer on its way the ids of the tool calls that it asks for, and of the response
 * itself where a later call may continue it. The text is searched and never parsed as a whole; what
 * a model writes cannot be mistaken for an id of the answer, since its quotes are escaped there.
 */

/** Most ids that are kept of one answer, and the longest one. */
const MAX_CALLS = 16;
const MAX_ID_CHARS = 64;

interface Form {
  /** Stands in each text with a tool call. */
  readonly mark: string;
  readonly ids: RegExp;
  /** The ids are read from here on. */
  readonly from?: RegExp;
}

const FORMS: Readonly<Record<string, Form>> = {
  openai: {
    mark: '"tool_calls"',
    from: /"tool_calls"\s*:\s*\[\s*\{/,
    // Not the id of the answer itself, which may follow.
    ids: /"id"\s*:\s*"(?!chatcmpl-(?!tool))([^"\\]{1,512})"/g,
  },
  messages: {
    mark: '"tool_use"',
    // The input of a tool may have any fields, so the id has to stand beside the type.
    ids: /"tool_use"\s*,\s*"id"\s*:\s*"([^"\\]{1,512})"|"id"\s*:\s*"([^"\\]{1,512})"\s*,\s*(?:"name"\s*:\s*"[^"\\]{0,256}"\s*,\s*)?"type"\s*:\s*"tool_use"/g,
  },
  responses: { mark: '"call_id"', ids: /"call_id"\s*:\s*"([^"\\]{1,512})"/g },
};
/** Characters of a piece that are searched again with the next one: an id may be cut in two. */
const CARRY_CHARS = 1_024;
const RESPONSE_ID = /"id"\s*:\s*"(resp_[\w-]{1,60})"/;

export class ToolCalls {
  readonly #form: Form | undefined;
  readonly #hasResponse: boolean;
  readonly #ids = new Set<string>();
  #responseId: string | undefined;
  #carried = '';
  /** The list of tool calls of an answer that comes in pieces has begun. */
  #isInCalls = false;

  constructor(format: string) {
    this.#form = FORMS[format];
    this.#hasResponse = format === 'responses';
  }

  get ids(): readonly string[] {
    return [...this.#ids];
  }

  get responseId(): string | undefined {
    return this.#responseId;
  }

  /** Takes a part of an answer that is no stream, of any length, one character for each byte. */
  piece(part: string): void {
    if (!this.#form || this.#ids.size >= MAX_CALLS) return;
    const text = this.#carried + part;
    this.push(text);
    this.#isInCalls ||= this.#form.from?.test(text) === true;
    this.#carried = text.slice(-CARRY_CHARS);
  }

  /** Takes the data of an event. */
  push(text: string): void {
    if (this.#hasResponse) this.#responseId ??= RESPONSE_ID.exec(text)?.[1];
    const form = this.#form;
    if (!form || this.#ids.size >= MAX_CALLS) return;
    if (!this.#isInCalls && !text.includes(form.mark)) return;
    const from = this.#isInCalls || !form.from ? 0 : form.from.exec(text)?.index;
    if (from === undefined) return;
    for (const [, before, after] of text.slice(from).matchAll(form.ids)) {
      if (this.#ids.size >= MAX_CALLS) return;
      this.#ids.add((before ?? after ?? '').slice(0, MAX_ID_CHARS));
    }
  }
}

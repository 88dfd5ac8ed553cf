/**
 * Keeps the end of a text that arrives in pieces. The text is cut only when twice the wanted length
 * is there, so that the work stays linear in the text's length however small its pieces are.
 */
export class TextTail {
  readonly #chars: number;
  #kept = '';

  /** `chars`: the length of the end that is kept. */
  constructor(chars: number) {
    this.#chars = chars;
  }

  push(text: string): void {
    this.#kept += text;
    if (this.#kept.length > 2 * this.#chars) this.#kept = this.#kept.slice(-this.#chars);
  }

  /** The kept end of the text. */
  get text(): string {
    return this.#kept.slice(-this.#chars);
  }
}

/**
 * What rows with texts hold, so that a row is written only where its text has changed. Told after the
 * transaction: a row that could not be written counts as it was.
 */
export class LastWritten {
  readonly #texts = new Map<string, string>();

  /** The values whose text is not that of their row, as text. */
  changed(values: Readonly<Record<string, unknown>>): Array<readonly [name: string, text: string]> {
    return Object.entries(values).flatMap(([name, value]) => {
      const text = JSON.stringify(value);
      return text === this.#texts.get(name) ? [] : [[name, text] as const];
    });
  }

  written(rows: ReadonlyArray<readonly [name: string, text: string]>): void {
    for (const [name, text] of rows) this.#texts.set(name, text);
  }

  clear(): void {
    this.#texts.clear();
  }
}

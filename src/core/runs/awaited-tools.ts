/**
 * The tool calls that a run's answers have asked for and whose results have not come back. While
 * there are some, the client executes a tool, and the run goes on however long it is silent; and the
 * call that brings a result back is the run's, whatever else is like it.
 */

/** Most tool calls that are remembered of one run; the oldest are forgotten. */
const MAX_AWAITED = 64;

export type AwaitedTool = readonly [id: string, unit: string];

export class AwaitedTools {
  readonly #unitOf: Map<string, string>;

  constructor(tools: Iterable<AwaitedTool> = []) {
    this.#unitOf = new Map(tools);
  }

  get size(): number {
    return this.#unitOf.size;
  }

  has(id: string): boolean {
    return this.#unitOf.has(id);
  }

  /** True where an answer to a call of the unit is among those that asked. */
  hasOf(unit: string): boolean {
    for (const other of this.#unitOf.values()) if (other === unit) return true;
    return false;
  }

  add(tools: Iterable<AwaitedTool>): void {
    for (const [id, unit] of tools) {
      this.#unitOf.delete(id);
      this.#unitOf.set(id, unit);
      if (this.#unitOf.size <= MAX_AWAITED) continue;
      const [oldest] = this.#unitOf.keys();
      if (oldest !== undefined) this.#unitOf.delete(oldest);
    }
  }

  /**
   * A call of the unit brings these results. Where none of them is awaited, the client names its tool
   * calls otherwise, and the call answers all that its unit asked for. Returns what it answers.
   */
  take(unit: string, ids: readonly string[]): readonly AwaitedTool[] {
    const answered = [...this.#unitOf].filter(([id]) => ids.includes(id));
    const taken =
      answered.length > 0 ? answered : [...this.#unitOf].filter(([, other]) => other === unit);
    for (const [id] of taken) this.#unitOf.delete(id);
    return taken;
  }

  /** For a snapshot. */
  list(): readonly AwaitedTool[] {
    return [...this.#unitOf];
  }
}

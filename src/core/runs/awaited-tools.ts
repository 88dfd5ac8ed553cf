/**
 * The tool calls that a run's answers have asked for and whose results have not come back. While
 * there are some, the client executes a tool, and the run goes on however long it is silent; and the
 * call that brings a result back is the run's, whatever else is like it.
 */

/** Most tool calls that are remembered of one run; the oldest are forgotten. */
const MAX_AWAITED = 64;

export type AwaitedTool = readonly [id: string, unit: string];

export class AwaitedTools {
  /** Made with the first tool call: most runs have none. */
  #unitOf: Map<string, string> | undefined;

  constructor(tools: Iterable<AwaitedTool> = []) {
    for (const [id, unit] of tools) this.#set(id, unit);
  }

  get size(): number {
    return this.#unitOf?.size ?? 0;
  }

  has(id: string): boolean {
    return this.#unitOf?.has(id) ?? false;
  }

  /** True where an answer to a call of the unit is among those that asked. */
  hasOf(unit: string): boolean {
    for (const other of this.#unitOf?.values() ?? []) if (other === unit) return true;
    return false;
  }

  add(tools: Iterable<AwaitedTool>): void {
    for (const [id, unit] of tools) {
      const unitOf = this.#set(id, unit);
      if (unitOf.size <= MAX_AWAITED) continue;
      const [oldest] = unitOf.keys();
      if (oldest !== undefined) unitOf.delete(oldest);
    }
  }

  /**
   * A call of the unit brings these results. Where none of them is awaited, the client names its tool
   * calls otherwise, and the call answers all that its unit asked for. Returns what it answers.
   */
  take(unit: string, ids: readonly string[]): readonly AwaitedTool[] {
    const unitOf = this.#unitOf;
    if (!unitOf || unitOf.size === 0) return [];
    const answered = [...unitOf].filter(([id]) => ids.includes(id));
    const taken =
      answered.length > 0 ? answered : [...unitOf].filter(([, other]) => other === unit);
    for (const [id] of taken) unitOf.delete(id);
    return taken;
  }

  /** For a snapshot. */
  list(): readonly AwaitedTool[] {
    return [...(this.#unitOf ?? [])];
  }

  #set(id: string, unit: string): Map<string, string> {
    this.#unitOf ??= new Map();
    this.#unitOf.delete(id);
    return this.#unitOf.set(id, unit);
  }
}

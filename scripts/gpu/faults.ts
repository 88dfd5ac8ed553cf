/**
 * Planned faults of the emulated endpoint: a list of which faults come next, and for how many
 * requests each.
 */
import * as z from 'zod';

export const FAULT_KINDS = ['500', '429', '503', 'cut', 'hang', 'garbage'] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export const faultSchema = z.strictObject({
  kind: z.enum(FAULT_KINDS),
  /** The number of requests that fail this way. */
  count: z.int().min(1).default(1),
  /** Only requests whose path starts with this fail. */
  path: z.string().default('/'),
});

export type Fault = z.infer<typeof faultSchema>;

export class Faults {
  #planned: Array<{ kind: FaultKind; path: string; left: number }> = [];

  plan(fault: Fault): void {
    this.#planned.push({ kind: fault.kind, path: fault.path, left: fault.count });
  }

  clear(): void {
    this.#planned = [];
  }

  /**
   * The fault of this request: the one that its header names, else the next planned one for its
   * path.
   */
  take(path: string, header: string | undefined): FaultKind | undefined {
    const own = FAULT_KINDS.find((kind) => kind === header);
    if (own) return own;
    const next = this.#planned.find((f) => path.startsWith(f.path));
    if (!next) return undefined;
    next.left -= 1;
    if (next.left === 0) this.#planned.splice(this.#planned.indexOf(next), 1);
    return next.kind;
  }
}

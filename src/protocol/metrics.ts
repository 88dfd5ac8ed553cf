/**
 * What passes of metrics between the objects, their register and the Worker: plain data, without
 * names of labels and without texts, which the Worker adds (src/metrics). During a deploy the two
 * may be of different versions: names are added, and the labels of a name never change.
 */

/**
 * Values of the labels, and the value (null: infinite); of a histogram its sum and the count of each
 * bucket, the infinite one last.
 */
export type Sample = readonly [labels: readonly string[], value: number | null | readonly number[]];

/** Samples by the name of their metric. */
export type Samples = Readonly<Record<string, readonly Sample[]>>;

/** What an object has counted since it started, and its gauges of the moment. */
export interface Figures {
  /** When the object started and its counters were 0, epoch ms. */
  readonly startedAt: number;
  /** When the figures were taken, epoch ms. */
  readonly at: number;
  readonly samples: Samples;
}

/** The object that the figures are of; a tenant has one of each. */
export type FiguresOf = 'tenant' | 'jobs';

/** The last figures of an object, as JSON text of `Figures`. */
export interface StoredFigures {
  readonly tenant: string;
  readonly of: FiguresOf;
  readonly text: string;
  /** Lines that they take in an exposition. */
  readonly lines: number;
}

export interface FiguresPage {
  readonly figures: readonly StoredFigures[];
  /** Tenants that the page had no room for. */
  readonly omitted: number;
}

/** The RPC methods of a shard of the register of metrics. */
export interface MetricsShardApi {
  /**
   * Keeps an object's figures of the time `at` (epoch ms) in the place of older ones. Figures that are
   * too long are not kept, and neither are those of a tenant beyond the most that a shard keeps.
   */
  put(figures: StoredFigures, at: number): Promise<void>;
  /** Whole tenants, by name, as far as they have no more than `maxLines` lines together. */
  page(maxLines: number): Promise<FiguresPage>;
  /** The figures of some tenants. */
  of(tenants: readonly string[]): Promise<readonly StoredFigures[]>;
  forget(tenant: string): Promise<void>;
}

export const METRICS_SHARDS = 16;

/** The name of a shard of the register. */
export function metricsShard(index: number): string {
  return `metrics-${index}`;
}

/** Lines that samples take in an exposition, without those of help and type. */
export function linesOf(samples: Samples): number {
  let lines = 0;
  for (const of of Object.values(samples)) {
    for (const [, value] of of) {
      lines += value === null || typeof value === 'number' ? 1 : value.length + 1;
    }
  }
  return lines;
}

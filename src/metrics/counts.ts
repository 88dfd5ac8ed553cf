/**
 * Counters and histograms in memory, by the values of their labels. A count is one look-up and one
 * addition. The number of label sets of a metric is bounded: further ones are counted under the
 * application `other`, and where that is not enough they are not counted.
 */
import type { Sample } from '../protocol/metrics.ts';
import { OTHER_APP } from './app-labels.ts';
import { labelsOf, type MetricName } from './catalogue.ts';

/** Most label sets of a counter, and of a histogram, whose exposition takes 20 lines each. */
const MAX_SETS = 1_000;
const MAX_HISTOGRAMS = 250;
/** What is left for the application `other` beyond that. */
const MAX_OTHER_SETS = 250;

type Labels = readonly string[];

abstract class LabelSets<T> {
  readonly #sets = new Map<string, { readonly labels: Labels; readonly value: T }>();
  readonly #most: number;
  readonly #appAt: number;

  constructor(name: MetricName, most: number) {
    this.#most = most;
    this.#appAt = labelsOf(name).indexOf('app');
  }

  protected abstract empty(): T;

  /** Undefined where there is no room for the set. */
  protected of(labels: Labels): T | undefined {
    const key = labels.join('\n');
    const known = this.#sets.get(key);
    if (known) return known.value;
    const { size } = this.#sets;
    const app = labels[this.#appAt];
    if (size >= this.#most && app !== undefined && app !== OTHER_APP) {
      return this.of(labels.with(this.#appAt, OTHER_APP));
    }
    if (size >= this.#most + MAX_OTHER_SETS) return undefined;
    const value = this.empty();
    this.#sets.set(key, { labels, value });
    return value;
  }

  protected samplesBy(shown: (value: T) => Sample[1]): Sample[] {
    return [...this.#sets.values()].map(({ labels, value }) => [labels, shown(value)]);
  }
}

export class Counter extends LabelSets<{ count: number }> {
  constructor(name: MetricName) {
    super(name, MAX_SETS);
  }

  add(labels: Labels, by = 1): void {
    const counted = this.of(labels);
    if (counted) counted.count += by;
  }

  samples(): Sample[] {
    return this.samplesBy(({ count }) => count);
  }

  protected empty(): { count: number } {
    return { count: 0 };
  }
}

export class Histogram extends LabelSets<number[]> {
  readonly #bounds: readonly number[];

  constructor(name: MetricName, bounds: readonly number[]) {
    super(name, MAX_HISTOGRAMS);
    this.#bounds = bounds;
  }

  observe(labels: Labels, value: number): void {
    const counts = this.of(labels);
    if (!counts) return;
    let bucket = 0;
    while (value > (this.#bounds[bucket] ?? Infinity)) bucket += 1;
    counts[0] = (counts[0] ?? 0) + value;
    counts[bucket + 1] = (counts[bucket + 1] ?? 0) + 1;
  }

  samples(): Sample[] {
    return this.samplesBy((counts) => counts);
  }

  /** The sum, and the count of each bucket, the infinite one last. */
  protected empty(): number[] {
    return new Array<number>(this.#bounds.length + 2).fill(0);
  }
}

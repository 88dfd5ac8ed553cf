/** The counters and histograms of one object, by name; all of them are 0 when it starts. */
import type { Sample, Samples } from '../protocol/metrics.ts';
import { BUCKETS, type CounterName, type HistogramName } from './catalogue.ts';
import { Counter, Histogram } from './counts.ts';

export class MetricSet {
  readonly #counters = new Map<CounterName, Counter>();
  readonly #histograms = new Map<HistogramName, Histogram>();

  /** Adds to a counter; the values of its labels in the catalogue's order. */
  add(name: CounterName, labels: readonly string[], by = 1): void {
    let counter = this.#counters.get(name);
    if (!counter) {
      counter = new Counter(name);
      this.#counters.set(name, counter);
    }
    counter.add(labels, by);
  }

  /** Adds a value to a histogram. */
  observe(name: HistogramName, labels: readonly string[], value: number): void {
    let histogram = this.#histograms.get(name);
    if (!histogram) {
      histogram = new Histogram(name, BUCKETS[name]);
      this.#histograms.set(name, histogram);
    }
    histogram.observe(labels, value);
  }

  samples(): Samples {
    const samples: Record<string, readonly Sample[]> = {};
    for (const [name, counts] of [...this.#counters, ...this.#histograms]) {
      samples[name] = counts.samples();
    }
    return samples;
  }
}

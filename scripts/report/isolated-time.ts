/**
 * The time that a run takes alone on a cluster with idle and warm backends: its critical path. All
 * time above it is waiting.
 */
import type { RecordedRun } from '../../src/core/runs/recorded-run.ts';
import { serviceMs } from '../gpu/service-model.ts';
import type { Cluster } from '../sim/cluster.ts';

/**
 * The sum over visits of the longest call and the gap that follows, in ms. It ignores slots: even
 * where a fan-out has more calls than its backend has slots, only the longest call counts, so no
 * run can be faster than this.
 */
export function isolatedMs(run: RecordedRun, cluster: Cluster): number {
  let total = 0;
  run.units.forEach(({ backend, calls, gap_ms }, i) => {
    const model = cluster.get(backend);
    if (!model) throw new RangeError(`the cluster has no backend "${backend}"`);
    total += Math.max(...calls.map((call) => serviceMs(call, model)));
    // Nothing is submitted after the last visit, so its gap is not part of the run.
    if (i < run.units.length - 1) total += gap_ms ?? 0;
  });
  return total;
}

/**
 * How long a run takes when it has an idle cluster to itself and every backend is warm: its critical
 * path. What a policy adds to it is waiting.
 */
import type { RecordedRun } from '../../src/core/runs/recorded-run.ts';
import { serviceMs } from '../gpu/service-model.ts';
import type { Cluster } from '../sim/cluster.ts';

/**
 * Sum over visits of the longest call, and of the gaps between visits, ms. Slots do not count: a
 * fan-out wider than its backend is still as long as its longest call, so no run is ever faster.
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

/**
 * Finished runs as a dispatcher would have recorded them: where a trace says what prompts share, the
 * engine told how much of each was in its cache. Each run is taken to have had one endpoint's cache
 * for itself, from which nothing was dropped.
 */
import type { CallRecord, RecordedRun } from '../../src/core/runs/recorded-run.ts';
import { PrefixCache } from '../gpu/prefix-cache.ts';
import { PromptNames, promptOf } from '../gpu/prompt.ts';
import type { Cluster } from './sim-backend.ts';

const BLOCK_TOKENS = 512;

export function withCachedTokens(runs: readonly RecordedRun[], cluster: Cluster): RecordedRun[] {
  const names = new PromptNames();
  return runs.map((run) => {
    const caches = new Map<string, PrefixCache>();
    const told = (backend: string, call: CallRecord): CallRecord => {
      if ('service_ms' in call || call.cached_tokens !== undefined || !promptOf(call)) return call;
      const { blockTokens = BLOCK_TOKENS } = cluster.get(backend)?.cache ?? {};
      const settings = { tokens: Infinity, blockTokens };
      const cache = caches.get(backend) ?? new PrefixCache(settings, names);
      caches.set(backend, cache);
      const cached_tokens = cache.hitTokens(call);
      cache.touch(call);
      return { ...call, cached_tokens };
    };
    const units = run.units.map((unit) => ({
      ...unit,
      calls: unit.calls.map((call) => told(unit.backend, call)),
    }));
    return { ...run, units };
  });
}

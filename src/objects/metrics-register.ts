/**
 * The Worker's client of the register of metrics, which the objects of tenants bring their figures to
 * (durable-objects/metrics-shard.ts). A shard that fails or is late takes nothing from the others.
 */

import { inTime } from '../protocol/in-time.ts';
import {
  METRICS_SHARDS,
  type MetricsShardApi,
  metricsShard,
  type StoredFigures,
} from '../protocol/metrics.ts';
import { shardOf } from '../protocol/shard-of.ts';
import { askObject } from './ask-object.ts';

/** Time after which a shard, or an object, is not waited for, ms: a scrape has ten seconds. */
const PATIENCE_MS = 2_000;
/** Shards that are asked at a time, so that all answers in memory are within the lines asked for. */
const SHARDS_AT_ONCE = 4;

export interface Registered {
  readonly figures: readonly StoredFigures[];
  /** Tenants that there was no room for. */
  readonly omitted: number;
  /** Whether each shard that was asked has answered, by its index. */
  readonly shards: ReadonlyMap<number, boolean>;
}

/**
 * The figures of all tenants of some shards, of all where none are named. `take` is told of the lines
 * that have come, and refuses to have more of them in memory by an error, which is then the answer.
 */
export async function registeredFigures<E extends { readonly ok: false }>(
  env: Env,
  maxLines: number,
  take: (lines: number) => E | undefined,
  shards: readonly number[] = Array.from({ length: METRICS_SHARDS }, (_, i) => i),
): Promise<({ readonly ok: true } & Registered) | E> {
  const figures: StoredFigures[] = [];
  const up = new Map<number, boolean>();
  let [left, omitted] = [maxLines, 0];
  for (let i = 0; i < shards.length; i += SHARDS_AT_ONCE) {
    const asked = shards.slice(i, i + SHARDS_AT_ONCE);
    const most = Math.floor(left / asked.length);
    const pages = await Promise.all(
      asked.map((shard) => metricsInTime(() => askShard(env, shard, (stub) => stub.page(most)))),
    );
    const came = pages.flatMap((page) => page?.figures ?? []);
    const lines = came.reduce((sum, stored) => sum + stored.lines, 0);
    const refused = take(lines);
    if (refused) return refused;
    left -= lines;
    figures.push(...came);
    pages.forEach((page, j) => {
      up.set(asked[j] ?? 0, page !== undefined);
      omitted += page?.omitted ?? 0;
    });
  }
  return { ok: true, figures, omitted, shards: up };
}

/** What the register has of some tenants; nothing of those whose shard does not answer. */
export async function figuresFromRegister(
  env: Env,
  tenants: readonly string[],
): Promise<StoredFigures[]> {
  const byShard = Map.groupBy(tenants, (tenant) => shardOf(tenant, METRICS_SHARDS));
  const found = await Promise.all(
    [...byShard].map(([shard, of]) =>
      metricsInTime(() => askShard(env, shard, (stub) => stub.of(of))),
    ),
  );
  return found.flatMap((figures) => figures ?? []);
}

/** The answer to a question; undefined, and logged, where it fails or takes too long. */
export function metricsInTime<T>(ask: () => Promise<T>): Promise<T | undefined> {
  return inTime(ask, PATIENCE_MS, 'no_metrics');
}

function askShard<T>(
  env: Env,
  index: number,
  ask: (shard: MetricsShardApi) => Promise<T>,
): Promise<T> {
  // A new stub for each attempt: one that threw may stay broken. RPC's generated types wrap every
  // result; what passes is plain data.
  return askObject(() =>
    ask(env.METRICS.getByName(metricsShard(index)) as unknown as MetricsShardApi),
  );
}

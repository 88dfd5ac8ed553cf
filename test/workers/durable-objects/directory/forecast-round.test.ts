/**
 * The cron trigger with 10,000 tenants: no invocation comes near the platform's limits, however
 * many tenants are due, and a minute is cheap if few are. Counts are asserted; times are only
 * printed.
 */
import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { TenantDirectory } from '../../../../durable-objects/directory/directory.ts';
import {
  announce,
  DIRECTORY_SHARDS,
  FORECAST_PERIOD_MS,
  reschedule,
  shardOf,
  takeDue,
} from '../../../../durable-objects/directory/directory-client.ts';
import { type RoundWorld, runRound } from '../../../../durable-objects/directory/forecast-round.ts';
import { runCron } from '../../../../src/cron.ts';

/** Calls that one invocation may make, on the paid plan with the smaller limit. */
const SUBREQUESTS = 1_000;
const TENANTS = 10_000;
const DUE = 200;
const CONCURRENCY = 64;

afterEach(() => {
  vi.restoreAllMocks();
});

/** Tenants that are not due, written into the directory's shards at once: one call each is slow. */
async function registered(tenants: readonly string[], dueAt: number): Promise<void> {
  for (let shard = 0; shard < DIRECTORY_SHARDS; shard += 1) {
    const own = tenants.filter((tenant) => shardOf(tenant) === shard);
    const stub = env.DIRECTORY.getByName(`directory-${shard}`);
    await runInDurableObject(stub, (directory: TenantDirectory) => {
      for (const tenant of own) directory.announce(tenant, dueAt);
    });
  }
}

async function inParallel(count: number, act: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < count) await act(next++);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
}

/** Counts the calls that a round makes. */
function counted(world: RoundWorld, calls: { n: number }): RoundWorld {
  const count =
    <A extends unknown[], R>(act: (...args: A) => Promise<R>) =>
    (...args: A) => {
      calls.n += 1;
      return act(...args);
    };
  return {
    take: count(world.take),
    forecast: count(world.forecast),
    reschedule: count(world.reschedule),
  };
}

describe('with 10,000 registered tenants', () => {
  const soon = 1_000 * FORECAST_PERIOD_MS;

  it('asks only the tenants that are due, with one call each', { timeout: 300_000 }, async () => {
    const startedAt = Date.now();
    // A tenant that registers at `at` is due a minute later.
    await inParallel(DUE, (i) => announce(env.DIRECTORY, `tenant-${i}`, 0));
    const others = Array.from({ length: TENANTS - DUE }, (_, i) => `tenant-${DUE + i}`);
    await registered(others, 10 * soon);
    const registeredAt = Date.now();
    const report = await runCron(env, soon);
    const tookMs = Date.now() - registeredAt;
    expect(report).toEqual({ rounds: DIRECTORY_SHARDS, tenants: DUE, pings: 0, failed: 0 });
    console.log(
      `${TENANTS} tenants registered in ${registeredAt - startedAt} ms, ${DUE} of them due: ` +
        `${report.rounds} calls of the cron and ${DUE + 2 * DIRECTORY_SHARDS} of the rounds, ${tookMs} ms`,
    );
    // None of them has a backend, so none is asked again.
    expect(await runCron(env, 2 * soon)).toMatchObject({ tenants: 0 });
  });

  it('stays within the limits of each invocation where all are due at once', async () => {
    const later = 20 * soon;
    let asked = 0;
    let rounds = 0;
    let most = 0;
    const startedAt = Date.now();
    for (let shard = 0; shard < DIRECTORY_SHARDS; shard += 1) {
      for (let more = true; more; rounds += 1) {
        const calls = { n: 0 };
        const world: RoundWorld = {
          take: (n) => takeDue(env.DIRECTORY, shard, later, n),
          // The worst case for the directory: each tenant is next due at a time of its own.
          forecast: async () => ({ pinged: 1, nextAt: later + 600_000 }),
          reschedule: (next) => reschedule(env.DIRECTORY, shard, next),
        };
        const report = await runRound(later, counted(world, calls));
        asked += report.asked;
        most = Math.max(most, calls.n);
        more = report.more;
      }
    }
    expect(asked).toBe(TENANTS - DUE);
    expect(most).toBeLessThanOrEqual(SUBREQUESTS / 2);
    expect(rounds).toBeLessThanOrEqual(SUBREQUESTS / 2);
    console.log(
      `all ${asked} due: ${rounds} calls of the cron, at most ${most} of one round, ` +
        `${Date.now() - startedAt} ms without the tenants' own time`,
    );
  });
});

describe('a round', () => {
  const world = (forecast: RoundWorld['forecast']) => {
    const told: Array<readonly [string, number | null]> = [];
    return {
      told,
      take: async () => ({ tenants: ['a', 'b', 'c', 'd'], more: false }),
      forecast,
      reschedule: async (next: typeof told) => {
        told.push(...next);
      },
    };
  };

  it('goes on where a tenant fails or does not answer, and keeps both for the next minute', async () => {
    vi.useFakeTimers();
    vi.spyOn(console, 'error').mockImplementation(() => {});
    try {
      const round = world(async (tenant) => {
        if (tenant === 'a') throw new Error('its object is broken');
        if (tenant === 'b') return new Promise(() => {});
        return tenant === 'c' ? { pinged: 2, nextAt: FORECAST_PERIOD_MS } : { pinged: 0 };
      });
      const report = runRound(0, round as unknown as RoundWorld);
      await vi.advanceTimersByTimeAsync(60_000);
      expect(await report).toEqual({ asked: 4, pinged: 2, failed: 2, more: false });
      expect(round.told).toEqual([['d', null]]);
    } finally {
      vi.useRealTimers();
    }
  });
});

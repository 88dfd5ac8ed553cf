/**
 * The rows of runs in flight, in a real database: what a batch writes, what is found after a restart,
 * and that no row outlives its run, whatever failed.
 */
import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { PendingBatch } from '../../../../durable-objects/tenant/pending-batch.ts';
import { restoreDispatcher } from '../../../../durable-objects/tenant/restore.ts';
import { MAX_ROW_CHARS } from '../../../../durable-objects/tenant/tenant-schema.ts';
import { TenantStore } from '../../../../durable-objects/tenant/tenant-store.ts';
import type { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { callRequest, configOf, okResult } from '../../../dispatch-builders.ts';

const CONFIG = configOf({ slots: 1_000_000, runSilenceMs: 1e9 });

/** A dispatcher with its rows, as the tenant's object has them, whose writes are counted. */
class World {
  dispatcher: Dispatcher;
  store: TenantStore;
  pending = new PendingBatch();
  /** Rows and characters that the last batch wrote. */
  written = { rows: 0, chars: 0 };
  /** A statement that contains this fails. */
  failsAt: string | undefined;
  now = 1_000;
  readonly #storage: DurableObjectStorage;
  #calls = 0;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.store = new TenantStore(this.#counted());
    this.dispatcher = restoreDispatcher(CONFIG, this.store, this.now);
  }

  /** Makes calls of a run, one after the other. */
  calls(runId: string, count: number, unitOf = (i: number) => `unit${i % 5}`): void {
    for (let i = 0; i < count; i += 1) {
      this.#calls += 1;
      this.now += 1;
      const callId = `call-${this.#calls}`;
      const call = callRequest(callId, { runId, unit: unitOf(i), arrivedAt: this.now });
      this.step({ type: 'submitted', call });
      this.step({ type: 'ended', callId, result: okResult(10) });
    }
  }

  step(event: Parameters<Dispatcher['step']>[0][number]): void {
    for (const effect of this.dispatcher.step([event], this.now)) {
      if (effect.type !== 'run-finished') continue;
      const { record, learned } = effect;
      this.pending.runEnded(effect.runId, record && { record, learned, finishedAt: this.now });
    }
  }

  end(runId: string): void {
    this.step({ type: 'run-finished', runId });
  }

  /** Writes a batch, as the dispatch loop does. */
  flush(): boolean {
    this.written = { rows: 0, chars: 0 };
    const batch = this.pending.take(this.dispatcher, this.now);
    try {
      this.pending.written(batch, this.store.saveBatch(batch), this.dispatcher);
      return true;
    } catch {
      this.pending.putBack(batch, this.dispatcher, this.now);
      return false;
    }
  }

  restart(): void {
    this.store = new TenantStore(this.#counted());
    this.reopen();
  }

  /** A new dispatcher, of what the same store has. */
  reopen(): void {
    this.pending = new PendingBatch();
    this.dispatcher = restoreDispatcher(CONFIG, this.store, this.now);
    this.pending.restored(this.dispatcher.register.runs);
  }

  count(table: 'runs' | 'run_parts'): number {
    return Number(this.#storage.sql.exec(`SELECT COUNT(*) AS n FROM ${table}`).one().n);
  }

  get longestRow(): number {
    const sql = `SELECT MAX(n) AS n FROM (SELECT LENGTH(body) AS n FROM run_parts
      UNION ALL SELECT LENGTH(snapshot) FROM runs)`;
    return Number(this.#storage.sql.exec(sql).one().n);
  }

  snapshotOf(runId: string): unknown {
    return JSON.parse(JSON.stringify(this.dispatcher.register.runs.get(runId)?.snapshot() ?? null));
  }

  #counted(): DurableObjectStorage {
    const exec = (query: string, ...values: SqlStorageValue[]) => {
      if (this.failsAt !== undefined && query.includes(this.failsAt)) throw new Error('disk full');
      const cursor = this.#storage.sql.exec(query, ...values);
      this.written.rows += cursor.rowsWritten;
      if (/^\s*(INSERT|UPDATE)/.test(query)) {
        for (const value of values) this.written.chars += String(value).length;
      }
      return cursor;
    };
    return {
      sql: { exec },
      transactionSync: (act: () => unknown) => this.#storage.transactionSync(act),
      deleteAll: () => this.#storage.deleteAll(),
      deleteAlarm: () => this.#storage.deleteAlarm(),
    } as unknown as DurableObjectStorage;
  }
}

function inWorld(act: (world: World) => void | Promise<void>): Promise<void> {
  const stub = env.TENANT.getByName(`t-${crypto.randomUUID()}`);
  return runInDurableObject(stub, (_object, { storage }) => act(new World(storage)));
}

describe('the rows of runs in flight', () => {
  it('are written as the run grows: a batch costs the same at call 1,000 as at call 50', () =>
    inWorld((world) => {
      const costs: Array<World['written']> = [];
      for (let batch = 0; batch < 100; batch += 1) {
        world.calls('long', 10);
        world.flush();
        costs.push(world.written);
      }
      const most = (from: number, to: number, what: 'rows' | 'chars') =>
        Math.max(...costs.slice(from, to).map((cost) => cost[what]));
      expect(most(50, 100, 'chars')).toBeLessThan(1.2 * most(5, 20, 'chars'));
      expect(most(50, 100, 'rows')).toBeLessThanOrEqual(most(5, 20, 'rows'));
      const before = world.snapshotOf('long');
      world.restart();
      expect(world.snapshotOf('long')).toEqual(before);
      expect(world.count('run_parts')).toBeGreaterThan(10);
      world.end('long');
      world.flush();
      expect([world.count('runs'), world.count('run_parts')]).toEqual([0, 0]);
      expect([...world.store.recorded.learned(0, 1_000)]).toHaveLength(1);
    }));

  it('hold runs of 9,000 calls, which one row has no room for', () =>
    inWorld((world) => {
      world.calls('fan-out', 9_000, () => 'map');
      world.calls('agent', 9_000);
      const before = [world.snapshotOf('fan-out'), world.snapshotOf('agent')];
      expect(JSON.stringify(before[1]).length).toBeGreaterThan(MAX_ROW_CHARS);
      world.flush();
      expect(world.longestRow).toBeLessThan(MAX_ROW_CHARS / 10);
      world.restart();
      expect([world.snapshotOf('fan-out'), world.snapshotOf('agent')]).toEqual(before);
    }));

  it('of a run that ended are not those of the next run under its id', () =>
    inWorld((world) => {
      world.calls('again', 200);
      world.flush();
      world.end('again');
      world.calls('again', 3);
      const before = world.snapshotOf('again');
      world.flush();
      world.restart();
      expect(world.snapshotOf('again')).toEqual(before);
      expect(world.count('run_parts')).toBe(0);
      // And it is another run's turn, between two batches, and nobody's.
      world.calls('again', 200);
      world.flush();
      world.end('again');
      world.calls('again', 1);
      world.end('again');
      world.flush();
      expect([world.count('runs'), world.count('run_parts')]).toEqual([0, 0]);
    }));

  it('of a run that is split go over to the run that goes on, and end with that', () =>
    inWorld((world) => {
      const call = callRequest('open', { runId: 'endless', arrivedAt: world.now });
      world.step({ type: 'submitted', call });
      world.calls('endless', 10_020);
      world.flush();
      const before = world.snapshotOf('endless');
      expect(before).toMatchObject({ callCount: 21 });
      // The last call of the run that was split ends after the next is stored.
      world.step({ type: 'ended', callId: 'open', result: okResult(10) });
      world.flush();
      world.restart();
      expect(world.snapshotOf('endless')).toEqual(before);
    }));

  it.each([
    'INSERT INTO run_parts',
    'INSERT OR REPLACE INTO runs',
    'INTO backends',
    'INTO recorded',
  ])('are whole after a batch that failed at: %s', (failsAt) =>
    inWorld((world) => {
      world.calls('a', 100);
      world.flush();
      const stored = world.snapshotOf('a');
      world.calls('a', 100);
      world.calls('b', 100);
      world.end('b');
      world.failsAt = failsAt;
      expect(world.flush()).toBe(false);
      const { dispatcher, pending } = world;
      world.restart();
      expect(world.snapshotOf('a')).toEqual(stored);
      // The object that could not write goes on.
      [world.dispatcher, world.pending, world.failsAt] = [dispatcher, pending, undefined];
      world.calls('a', 1);
      const before = world.snapshotOf('a');
      expect(world.flush()).toBe(true);
      world.restart();
      expect(world.snapshotOf('a')).toEqual(before);
      expect(world.count('runs')).toBe(1);
      expect([...world.store.recorded.learned(0, 1_000)]).toHaveLength(1);
    }),
  );

  it('are not touched for a run that ended before it was stored', () =>
    inWorld((world) => {
      world.flush();
      world.calls('other', 1);
      world.flush();
      const { rows } = world.written;
      world.calls('other', 1);
      for (let i = 0; i < 20; i += 1) {
        world.calls(`short-${i}`, 1);
        world.end(`short-${i}`);
      }
      world.flush();
      // A row for each finished run, and none for having been in flight.
      expect(world.written.rows).toBe(rows + 20);
    }));

  it('are deleted with the tenant', () =>
    inWorld(async (world) => {
      world.calls('a', 100);
      world.flush();
      await world.store.clear();
      world.reopen();
      expect([world.count('runs'), world.count('run_parts')]).toEqual([0, 0]);
      // What is the same as before is written again.
      world.calls('a', 1);
      world.flush();
      world.restart();
      expect(world.store.backends().size).toBe(1);
    }));
});

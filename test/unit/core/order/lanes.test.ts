/** The lanes of many API keys against a model that walks over all of them for each question. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Lanes } from '../../../../src/core/order/lanes.ts';
import { presentKey, type RunEntry, seqOf } from '../../../../src/core/order/run-entry.ts';
import { LiveRun } from '../../../../src/core/runs/live-run.ts';
import { callRequest } from '../../../dispatch-builders.ts';

const PLACES = ['', '', 'e0'];

const added = fc.record({
  key: fc.constantFrom('a', 'b', 'c', 'd'),
  place: fc.nat(2),
  rank: fc.nat(5),
  calls: fc.integer({ min: 1, max: 4 }),
  workMs: fc.nat(9_000),
});
type Added = { key: string; place: number; rank: number; calls: number; workMs: number };

function entryOf({ place, calls, workMs }: Added, i: number): RunEntry {
  const run = new LiveRun(`r${i}`, `app${i % 3}`, 0);
  const live = Array.from({ length: calls }, (_, n) =>
    run.submit(callRequest(`r${i}-${n}`, { runId: run.id }), 10 * i + n, 0),
  );
  return {
    ...{ run, place: PLACES[place] ?? '', calls: live, app: run.app, slots: calls },
    ...{ workMs, load: { calls, workMs }, lane: undefined, promisedKey: 0 },
  };
}

class World {
  readonly lanes: Lanes;
  readonly keys = new Map<RunEntry, string>();
  readonly #ranks = new Map<string, number>();
  readonly #sharesByApp: boolean;

  constructor(rows: readonly Added[], sharesByApp: boolean) {
    this.lanes = new Lanes(sharesByApp);
    this.#sharesByApp = sharesByApp;
    rows.forEach((row, i) => {
      this.set(entryOf(row, i), row);
    });
  }

  set(entry: RunEntry, { key, rank }: Pick<Added, 'key' | 'rank'>): void {
    this.keys.set(entry, key);
    const shared = this.#ranks.get(entry.run.app) ?? rank;
    if (this.#sharesByApp) this.#ranks.set(entry.run.app, shared);
    this.lanes.set(entry, key, this.#sharesByApp ? shared : rank, entry.load);
  }

  leave(entry: RunEntry): void {
    this.lanes.leave(entry);
    this.keys.delete(entry);
  }

  /** Entries in order. */
  get sorted(): RunEntry[] {
    const keyOf = (entry: RunEntry) => presentKey(entry) ?? Infinity;
    return [...this.keys.keys()].sort((a, b) => keyOf(a) - keyOf(b) || seqOf(a) - seqOf(b));
  }

  before(entry: RunEntry): RunEntry[] {
    return this.sorted.slice(0, this.sorted.indexOf(entry));
  }

  /** What goes before the first call of an entry where keys take turns. */
  turnsBefore(entry: RunEntry): { items: number; calls: number; workMs: number } {
    const before = this.before(entry);
    const isOwn = (other: RunEntry) => this.keys.get(other) === this.keys.get(entry);
    const own = before.filter((other) => isOwn(other) && other.place === entry.place);
    const turn = sum(own, ({ slots }) => slots) + 1;
    const others = [...this.keys.keys()].filter((other) => !isOwn(other));
    const share = (other: RunEntry) => {
      const lane = others.filter(({ lane }) => lane === other.lane);
      return Math.min(1, turn / sum(lane, ({ slots }) => slots));
    };
    const ofKey = before.filter(isOwn);
    return {
      items: ofKey.length + Math.round(sum(others, share)),
      calls: sum(ofKey, ({ slots }) => slots) + sum(others, (other) => other.slots * share(other)),
      workMs: sum(ofKey, (one) => one.workMs) + sum(others, (one) => one.workMs * share(one)),
    };
  }
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}

describe.each([false, true])('lanes whose runs have one key by application: %s', (byApp) => {
  const worlds = fc.array(added, { minLength: 1, maxLength: 40 });

  it('tell what goes before a run where the order alone decides', () => {
    fc.assert(
      fc.property(worlds, worlds, (rows, later) => {
        const world = new World(rows, byApp);
        const check = () => {
          for (const entry of world.keys.keys()) {
            const before = world.before(entry);
            expect(world.lanes.ahead(entry, 0, false)).toEqual({
              items: before.length,
              calls: sum(before, ({ slots }) => slots),
              workMs: sum(before, ({ workMs }) => workMs),
            });
          }
          expect([...world.lanes.inOrder()].map((entry) => entry.run.id)).toHaveLength(
            world.keys.size,
          );
        };
        check();
        later.forEach((row, i) => {
          const entry = [...world.keys.keys()][i % world.keys.size];
          if (entry && i % 3 === 0) world.leave(entry);
          else if (entry) world.set(entry, row);
          if (i % 3 === 1) world.set(entryOf(row, 100 + i), row);
        });
        check();
      }),
      { numRuns: 60 },
    );
  });

  it('tell of each lane of another key as many calls as of the own one where keys take turns', () => {
    fc.assert(
      fc.property(worlds, (rows) => {
        const world = new World(rows, byApp);
        for (const entry of [...world.keys.keys()]) {
          const ahead = world.lanes.ahead(entry, 0, true);
          const expected = world.turnsBefore(entry);
          expect(Math.abs((ahead?.items ?? NaN) - expected.items)).toBeLessThanOrEqual(1);
          expect(ahead?.calls).toBeCloseTo(expected.calls, 6);
          // Work for each call is summed in whole parts of a millisecond.
          expect(Math.abs((ahead?.workMs ?? NaN) - expected.workMs)).toBeLessThan(0.5);
          world.leave(entry);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('give the first run whose key may go, whoever was refused before', () => {
    const step = fc.record({
      limit: fc.oneof(fc.nat(6), fc.constant(undefined)),
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      more: fc.nat(3),
      pick: fc.nat(50),
      rank: fc.nat(5),
    });
    fc.assert(
      fc.property(worlds, fc.array(step, { maxLength: 30 }), (rows, steps) => {
        const world = new World(rows, byApp);
        const used = new Map<string, number>();
        const usedMs = (key: string) => used.get(key) ?? 0;
        for (const { limit, key, more, pick, rank } of steps) {
          used.set(key, usedMs(key) + more);
          const entry = [...world.keys.keys()][pick % world.keys.size];
          if (entry) world.set(entry, { key: world.keys.get(entry) ?? '', rank });
          const may = (of: string) => limit === undefined || usedMs(of) <= limit;
          const first = world.lanes.first((lane) => may(lane.key), {
            mostUsedMs: () => limit,
            usedMs,
          });
          expect(first).toBe(world.sorted.find((one) => may(world.keys.get(one) ?? '')));
        }
        for (const key of used.keys()) used.set(key, 0);
        world.lanes.askAllAgain();
        const turns = { mostUsedMs: () => 0, usedMs };
        expect(world.lanes.first(() => true, turns)).toBe(world.sorted[0]);
        expect(world.lanes.leastKey).toBe(presentKey(world.sorted[0] as RunEntry));
      }),
      { numRuns: 200 },
    );
  });

  it('are in order', () => {
    const world = new World(
      [2, 1, 2, 0, 1].map((rank, i) => ({
        ...{ key: 'abcde'[i] ?? '', place: 0, rank, calls: 1, workMs: 1 },
      })),
      byApp,
    );
    expect([...world.lanes.inOrder()]).toEqual(world.sorted);
    expect(world.lanes.load).toEqual({ calls: 5, workMs: 5 });
  });
});

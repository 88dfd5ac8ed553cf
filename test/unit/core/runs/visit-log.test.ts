/**
 * What is stored of a run in flight: after any events and writes, of which some fail, the stored rows
 * are the whole run, and a write costs what happened since the last one.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CallRequest } from '../../../../src/core/runs/call-request.ts';
import { type LiveCall, LiveRun } from '../../../../src/core/runs/live-run.ts';
import type { RunSnapshot, StoredVisit } from '../../../../src/core/runs/live-visit.ts';
import { HEAD_ITEMS } from '../../../../src/core/runs/visit-log.ts';
import { callRequest } from '../../../dispatch-builders.ts';

const UNITS = ['plan', 'act', 'tool'];
const BACKENDS = ['llm', 'other'];

/** The rows of one run, as text. */
class Rows {
  head: string | undefined;
  readonly parts: string[] = [];
  headChars = 0;
  partChars = 0;
  partItems = 0;

  /** Writes what is to be written. */
  write(run: LiveRun): void {
    const { head, parts, firstPart } = run.unwritten();
    expect(firstPart).toBe(this.parts.length);
    for (const part of parts) {
      this.parts.push(JSON.stringify(part));
      this.partChars += this.parts.at(-1)?.length ?? 0;
      this.partItems += itemsOf(part);
      expect(itemsOf(part)).toBeLessThanOrEqual(512);
    }
    expect(itemsOf(head.visits)).toBeLessThanOrEqual(HEAD_ITEMS);
    this.head = JSON.stringify(head);
    this.headChars += this.head.length;
    run.written({ head, parts, firstPart });
  }

  stored(): RunSnapshot {
    const parts = this.parts.map((part) => JSON.parse(part));
    return { ...JSON.parse(this.head ?? ''), ...(parts.length > 0 ? { parts } : {}) };
  }
}

function itemsOf(visits: readonly StoredVisit[]): number {
  return visits.reduce((sum, v) => {
    const lists = [v.records, v.failedPrints ?? [], v.recordsGone ?? [], v.printsGone ?? []];
    return sum + 1 + lists.reduce((n, list) => n + list.length, 0);
  }, 0);
}

/** A run, its rows, and what it was when they were written. */
class World {
  run = new LiveRun('r', 'app', 1_000);
  readonly rows = new Rows();
  now = 1_000;
  /** Changes of the run: calls, grants, ends and client units. */
  changes = 0;
  restarts = 0;
  jumps = 0;
  #calls: LiveCall[] = [];
  #seq = 0;
  #whole = '';

  submit(n: number, retry: boolean): void {
    this.#seq += 1;
    const unit = UNITS[n % 3] ?? '';
    const backend = BACKENDS[(n >> 2) % 2] ?? '';
    const print = n % 5 === 0 ? {} : { print: `p${n % 11}` };
    const fields = { unit, backend, ...print, retry, inputTokens: n };
    const request = callRequest(`c${this.#seq}`, fields);
    const expected = visitOf(this.run, request);
    const before = this.run.visits.length;
    const call = this.run.submit(request, this.#seq, this.now);
    expect(call.visit.index).toBe(expected ?? before);
    this.#calls.push(call);
    this.changes += 1;
  }

  serve(n: number): void {
    const call = this.#calls[n % this.#calls.length];
    if (!call) return;
    this.run.serve(call, n % 7 === 0 ? undefined : this.now);
    this.changes += 1;
  }

  settle(n: number, ok: boolean): void {
    const [call] = this.#calls.splice(n % this.#calls.length, 1);
    if (!call) return;
    const record = { input_tokens: n, output_tokens: n % 17 };
    this.run.settle(call, ok ? record : undefined, { input: n, output: n % 17 }, this.now);
    this.changes += 1;
  }

  own(n: number, begins: boolean): void {
    const unit = UNITS[n % 3] ?? '';
    if (begins) this.run.beginOwnUnit(unit, this.now);
    else this.run.endOwnUnit(unit, this.now);
    this.changes += 1;
  }

  back(ms: number): void {
    this.now -= ms;
    this.jumps += 1;
    this.run.clockWentBack(this.now);
  }

  /** Nothing is stored where the write `fails`. */
  flush(fails: boolean): void {
    if (fails) this.run.unwritten();
    else {
      this.rows.write(this.run);
      this.#whole = JSON.stringify(this.run.snapshot());
      this.compare();
    }
  }

  compare(): void {
    const restored = LiveRun.restore(this.rows.stored());
    const whole = LiveRun.restore(JSON.parse(this.#whole));
    expect(plain(restored.snapshot())).toEqual(plain(JSON.parse(this.#whole)));
    expect(plain(restored.visits)).toEqual(plain(whole.visits));
    expect(restored.record()).toEqual(whole.record());
    for (const unit of UNITS) expect(restored.hasVisited(unit)).toBe(whole.hasVisited(unit));
    for (let i = 0; i < 11; i += 1) {
      expect(restored.hasFailed(`p${i}`)).toBe(whole.hasFailed(`p${i}`));
      expect(restored.hasEnded(`p${i}`)).toBe(whole.hasEnded(`p${i}`));
    }
  }

  /** The object dies: its calls are lost, and what was not written. */
  restart(): void {
    if (this.rows.head === undefined) return;
    this.run = LiveRun.restore(this.rows.stored());
    this.#calls = [];
    this.restarts += 1;
  }
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** Index of the visit that a call joins, by a look at all visits; undefined for a new one. */
function visitOf(run: LiveRun, { unit, backend, print, retry }: CallRequest): number | undefined {
  const of = run.visits.filter((v) => v.unit === unit && v.backend === backend);
  const latest = of.at(-1);
  const isRepeated =
    print !== undefined &&
    (latest?.failedPrints.includes(print) ||
      (retry && latest?.ended.some((e) => e.print === print)));
  return (isRepeated ? latest : of.findLast((v) => v.outstanding + v.missing > 0))?.index;
}

type Act = (world: World) => void;
const n = fc.nat({ max: 500 });
/** Many of one kind in a row, so that runs are long. */
const burst = (act: fc.Arbitrary<Act>): fc.Arbitrary<Act> =>
  fc.array(act, { minLength: 1, maxLength: 60, size: 'max' }).map((acts) => (world) => {
    for (const one of acts) one(world);
  });
const submitted = fc.tuple(n, fc.boolean(), fc.nat({ max: 3 })).map(
  ([k, retry, ms]): Act =>
    (w) => {
      w.now += ms;
      w.submit(k, retry);
    },
);
const settled = fc.tuple(n, fc.boolean(), fc.nat({ max: 3 })).map(
  ([k, ok, ms]): Act =>
    (w) => {
      w.now += ms;
      w.settle(k, ok);
    },
);
const acts: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: burst(submitted) },
  { weight: 6, arbitrary: burst(settled) },
  { weight: 3, arbitrary: burst(fc.oneof(submitted, settled)) },
  { weight: 1, arbitrary: n.map((k) => (w: World) => w.serve(k)) },
  {
    weight: 1,
    arbitrary: fc.tuple(n, fc.boolean()).map(
      ([k, b]) =>
        (w: World) =>
          w.own(k, b),
    ),
  },
  { weight: 1, arbitrary: fc.nat({ max: 20 }).map((ms) => (w: World) => w.back(ms)) },
  { weight: 6, arbitrary: fc.nat({ max: 5 }).map((k) => (w: World) => w.flush(k === 0)) },
  { weight: 1, arbitrary: fc.constant((w: World) => w.restart()) },
);

describe('the rows of a run', () => {
  it('are the whole run, after any events, writes, failed writes and restarts', () => {
    let longest = 0;
    fc.assert(
      fc.property(fc.array(acts, { minLength: 1, maxLength: 60, size: 'max' }), (events) => {
        const world = new World();
        for (const act of events) act(world);
        world.flush(false);
        longest = Math.max(longest, world.rows.parts.length);
        if (world.jumps === 0) {
          expect(world.rows.partItems).toBeLessThanOrEqual(3 * world.changes);
        }
      }),
      { seed: 20, numRuns: 150 },
    );
    expect(longest).toBeGreaterThanOrEqual(5);
  });

  it.each([
    ['of a unit each', (i: number) => `unit${i % 5}`, 1],
    ['of as many units', (i: number) => `unit${i}`, 1],
    ['with ten calls a write', (i: number) => `unit${i % 5}`, 10],
    ['with 500 calls a write', (i: number) => `unit${i % 5}`, 500],
  ])('grow with its calls alone, one after the other, %s', (_name, unitOf, perWrite) => {
    const charsOf = (calls: number) => {
      const run = new LiveRun('r', 'app', 0);
      const rows = new Rows();
      for (let i = 0; i < calls; i += 1) {
        const request = callRequest(`c${i}`, { unit: unitOf(i), print: `print-${i}` });
        const call = run.submit(request, i, i);
        run.settle(call, { input_tokens: 1, output_tokens: 1 }, { input: 1, output: 1 }, i);
        if (i % perWrite === perWrite - 1) rows.write(run);
      }
      return { parts: rows.partChars / calls, all: (rows.partChars + rows.headChars) / calls };
    };
    const [short, long] = [charsOf(500), charsOf(5_000)];
    expect(long.all / short.all).toBeLessThan(1.1);
    // Each record is in one part, and while there is none in at most as many heads as have room.
    expect(long.parts).toBeLessThan(400);
    expect(long.all).toBeLessThan(400 + (HEAD_ITEMS * 400) / perWrite);
  });

  it('grow with its calls alone where they are all under way at a time', () => {
    const charsOf = (calls: number) => {
      const run = new LiveRun('r', 'app', 0);
      const rows = new Rows();
      const all = Array.from({ length: calls }, (_, i) =>
        run.submit(callRequest(`c${i}`, { unit: 'map', print: `print-${i}` }), i, 0),
      );
      for (const [i, call] of all.entries()) {
        run.settle(call, { input_tokens: 1, output_tokens: 1 }, { input: 1, output: 1 }, i);
        rows.write(run);
      }
      return (rows.partChars + rows.headChars) / calls;
    };
    expect(charsOf(5_000) / charsOf(500)).toBeLessThan(1.1);
  });

  it('are one row without parts for a small run, as earlier versions wrote it', () => {
    const run = new LiveRun('r', 'app', 0);
    for (let i = 0; i < 10; i += 1) {
      const call = run.submit(callRequest(`c${i}`, { unit: `u${i}` }), i, i);
      run.settle(call, { input_tokens: 1, output_tokens: 1 }, { input: 1, output: 1 }, i);
      const { head, parts } = run.unwritten();
      expect(parts).toEqual([]);
      expect(head).toEqual(run.snapshot());
      run.written({ head, parts, firstPart: 0 });
    }
  });

  it('of an earlier version are restored, without fingerprints too', () => {
    const run = new LiveRun('r', 'app', 0);
    const call = run.submit(callRequest('c', { unit: 'u', print: 'p' }), 1, 1);
    run.settle(call, { input_tokens: 3, output_tokens: 1 }, { input: 3, output: 1 }, 2);
    const { visits, ...fields } = run.snapshot();
    const old = visits.map(({ ended: _, failedPrints: __, ...visit }) => visit);
    const restored = LiveRun.restore({ ...fields, visits: old });
    expect(restored.record()).toEqual(run.record());
    expect(restored.visits[0]).toMatchObject({
      ended: [{ print: undefined, demand: { input: 0, output: 0 } }],
      failedPrints: [],
    });
  });

  it('take a retry of a call into account that a part has, without writing the part again', () => {
    const run = new LiveRun('r', 'app', 0);
    const rows = new Rows();
    const submit = (i: number, retry = false) =>
      run.submit(callRequest(`c${i}`, { unit: 'map', print: `p${i}`, retry }), i, i);
    const ok = (call: LiveCall, tokens: number) =>
      run.settle(
        call,
        { input_tokens: tokens, output_tokens: 0 },
        { input: tokens, output: 0 },
        9_000,
      );
    const calls = Array.from({ length: 300 }, (_, i) => submit(i));
    for (const call of calls) ok(call, 1);
    rows.write(run);
    const parts = rows.parts.length;
    expect(parts).toBeGreaterThan(1);
    ok(submit(7, true), 1_000);
    ok(submit(250, true), 2_000);
    rows.write(run);
    expect(rows.parts).toHaveLength(parts);
    const record = LiveRun.restore(rows.stored()).record();
    const [visit] = record?.units ?? [];
    expect(record?.units).toHaveLength(1);
    expect(visit?.calls).toHaveLength(300);
    const inputs = visit?.calls.map((c) => ('input_tokens' in c ? c.input_tokens : 0)) ?? [];
    expect(inputs.slice(-2)).toEqual([1_000, 2_000]);
    expect(inputs.reduce((sum, tokens) => sum + tokens, 0)).toBe(298 + 3_000);
  });
});

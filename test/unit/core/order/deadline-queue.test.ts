/** Which runs with a deadline go before the others, and which deadlines are given up. */
import { describe, expect, it } from 'vitest';
import { DeadlineQueue, type DeadlineTiming } from '../../../../src/core/order/deadline-queue.ts';
import { LiveRun } from '../../../../src/core/runs/live-run.ts';
import { callRequest } from '../../../dispatch-builders.ts';

/** With twenty slots, urgent work may fill the time of three slots until each deadline. */
const SLOTS = 20;

interface Waiting {
  readonly key: number;
  readonly timing?: Partial<DeadlineTiming>;
}

/** A queue of runs by their names. The time is 0, and timings are urgent by default. */
function lineOf(runs: Readonly<Record<string, Waiting>>): DeadlineQueue {
  const usual = { deadlineAt: 1_000, latestStartAt: 0, lostAt: 900, workMs: 100 };
  const line = new DeadlineQueue(
    (run) => runs[run.id]?.key ?? 0,
    'submission',
    (run) => {
      const timing = runs[run.id]?.timing;
      return timing && { ...usual, ...timing };
    },
  );
  Object.keys(runs).forEach((id, seq) => {
    const run = new LiveRun(id, 'app', 0);
    line.add(run.submit(callRequest(id, { runId: id }), seq, 0));
  });
  return line;
}

/**
 * All call ids in the order in which they are taken; those taken for a deadline are marked with
 * `!`.
 */
function order(line: DeadlineQueue, now = 0, urgentRunning = 0, slots = SLOTS): string[] {
  const ids: string[] = [];
  const room = { now, slots, urgentRunning };
  for (let next = line.take(room); next; next = line.take(room)) {
    ids.push(`${next.call.request.callId}${next.urgent ? '!' : ''}`);
  }
  return ids;
}

describe('a line with deadlines', () => {
  it('lets an urgent run go first whatever its rank', () => {
    expect(order(lineOf({ short: { key: 1 }, due: { key: 9, timing: {} } }))).toEqual([
      'due!',
      'short',
    ]);
  });

  it('lets a run wait by its rank while there is time', () => {
    const runs = { short: { key: 1 }, due: { key: 9, timing: { latestStartAt: 500 } } };
    expect(order(lineOf(runs), 499)).toEqual(['short', 'due']);
    expect(order(lineOf(runs), 500)).toEqual(['due!', 'short']);
  });

  it('demotes a run whose deadline is lost', () => {
    const runs = { short: { key: 1 }, due: { key: 9, timing: { lostAt: 700 } } };
    expect(order(lineOf(runs), 699)).toEqual(['due!', 'short']);
    expect(order(lineOf(runs), 700)).toEqual(['short', 'due']);
  });

  it('goes by rank and deadline together among those that can be met', () => {
    const runs = (laterBy: number) => ({
      first: { key: 900, timing: { deadlineAt: 1_000 } },
      second: { key: 500, timing: { deadlineAt: 1_000 + laterBy } },
      other: { key: 1 },
    });
    // Ten ms of deadline weigh as much as seven of rank.
    expect(order(lineOf(runs(571)))).toEqual(['second!', 'first!', 'other']);
    expect(order(lineOf(runs(572)))).toEqual(['first!', 'second!', 'other']);
  });

  it('gives the rank more weight if not all can be met and no other run waits', () => {
    const runs = (laterBy: number) => ({
      first: { key: 900, timing: { deadlineAt: 1_000 } },
      second: { key: 500, timing: { deadlineAt: 1_000 + laterBy } },
      givenUp: { key: 9_000, timing: { workMs: 3_001 } },
    });
    // Five ms of deadline weigh as much as one of rank.
    expect(order(lineOf(runs(1_999)))[0]).toBe('second!');
    expect(order(lineOf(runs(2_001)))[0]).toBe('first!');
    expect(order(lineOf({ ...runs(572), other: { key: 1 } }))[0]).toBe('first!');
  });

  it('gives up the largest where not all can be met', () => {
    // Three slots until 1,000 ms: 3,000 ms of work.
    const runs = {
      giant: { key: 2, timing: { workMs: 2_800 } },
      small: { key: 4, timing: { workMs: 800 } },
      middle: { key: 3, timing: { workMs: 1_200 } },
      other: { key: 1 },
    };
    expect(order(lineOf(runs)).slice(0, 2)).toEqual(['middle!', 'small!']);
    // A run that is given up waits by its rank, and is tried again when there is room.
    expect(order(lineOf(runs)).slice(2)).toEqual(['giant!', 'other']);
  });

  it('gives up runs that prevent an earlier deadline, and keeps those that fit later', () => {
    const runs = {
      soon: { key: 5, timing: { deadlineAt: 100, lostAt: 90, workMs: 100 } },
      alsoSoon: { key: 6, timing: { deadlineAt: 110, lostAt: 90, workMs: 120 } },
      later: { key: 7, timing: { deadlineAt: 5_000, workMs: 3_000 } },
      other: { key: 1 },
    };
    const line = lineOf(runs);
    const room = { now: 0, slots: SLOTS, urgentRunning: 0 };
    expect([line.take(room), line.take(room)].map((t) => t?.call.request.callId)).toEqual([
      'soon',
      'alsoSoon',
    ]);
    expect(order(lineOf(runs))).toHaveLength(4);
  });

  it('never chooses a run that cannot meet its deadline even alone', () => {
    const runs = { huge: { key: 9, timing: { workMs: 3_001 } }, other: { key: 1 } };
    expect(order(lineOf(runs))).toEqual(['other', 'huge']);
  });

  it('leaves a slot to others, where others wait', () => {
    const runs = { short: { key: 1 }, due: { key: 9, timing: {} } };
    expect(order(lineOf(runs), 0, SLOTS - 2)[0]).toBe('due!');
    expect(order(lineOf(runs), 0, SLOTS - 1)[0]).toBe('short');
    // The limit does not apply if no other run waits.
    expect(order(lineOf({ due: { key: 9, timing: {} } }), 0, SLOTS - 1)).toEqual(['due!']);
  });

  it('serves deadlines with few slots too, and leaves one of them to others', () => {
    const runs = { short: { key: 1 }, due: { key: 9, timing: { workMs: 700 } } };
    const first = (slots: number, urgentRunning: number) =>
      order(lineOf(runs), 0, urgentRunning, slots)[0];
    for (const slots of [1, 2, 3, 4, 5]) {
      expect(first(slots, 0)).toBe('due!');
      expect(first(slots, Math.max(1, slots - 1))).toBe('short');
    }
    expect([first(2, 0), first(3, 1), first(4, 2), first(5, 3)]).toEqual(
      new Array<string>(4).fill('due!'),
    );
    // More work than one slot does until then, but less than two do.
    const wide = { short: { key: 1 }, due: { key: 9, timing: { workMs: 1_100 } } };
    expect(order(lineOf(wide), 0, 0, 1)[0]).toBe('short');
    expect(order(lineOf(wide), 0, 0, 2)[0]).toBe('due!');
  });

  it('still chooses among hundreds of runs, though not at each call', () => {
    const runs: Record<string, Waiting> = { other: { key: 0 } };
    for (let i = 0; i < 300; i += 1) {
      runs[`r${i}`] = { key: i + 1, timing: { deadlineAt: 1_000 + i, workMs: 4 } };
    }
    const line = lineOf(runs);
    const room = { now: 0, slots: SLOTS, urgentRunning: 0 };
    const taken = Array.from({ length: 20 }, () => line.take(room));
    expect(taken.every((t) => t?.urgent)).toBe(true);
    expect(new Set(taken.map((t) => t?.call.request.callId)).size).toBe(20);
    expect(order(line)).toHaveLength(281);
  });

  it('forgets a run with its last waiting call', () => {
    const line = lineOf({ due: { key: 9, timing: {} }, other: { key: 1 } });
    for (const call of [...line.calls()]) if (call.run.id === 'due') line.remove(call);
    expect(order(line)).toEqual(['other']);
  });
});

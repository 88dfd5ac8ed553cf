/** When prewarming checks the endpoints. */
import { describe, expect, it } from 'vitest';
import { Backend } from '../../../../src/core/backends/backend.ts';
import { WaitingQueue } from '../../../../src/core/order/waiting-queue.ts';
import { CheckSchedule } from '../../../../src/core/prewarm/check-schedule.ts';
import { LiveRun } from '../../../../src/core/runs/live-run.ts';
import { backendSpec } from '../../../dispatch-builders.ts';

const COLD = { estimateMs: 10_000, idleTimeoutMs: 60_000 };

function setUp(mode: 'on' | 'off' = 'on') {
  const endpoints = [{ id: 'e1', slots: 2, coldStart: COLD }];
  const spec = backendSpec({ endpoints, prewarm: { mode, theta: 0.25 } });
  const backend = new Backend('llm', spec, new WaitingQueue(() => 0, 'submission'), 0);
  const runs = new Map<string, LiveRun>();
  const schedule = new CheckSchedule({ backends: new Map([['llm', backend]]), runs });
  return { backend, runs, schedule };
}

describe('a check is due', () => {
  it('at once after a change, but only so long after the last one', () => {
    const { schedule } = setUp();
    expect(schedule.dueAt).toBe(Infinity);
    schedule.soon(1_000);
    expect(schedule.dueAt).toBe(1_000);
    schedule.checked(1_000);
    schedule.soon(1_100);
    expect(schedule.dueAt).toBe(1_250);
    schedule.soon(1_200);
    expect(schedule.dueAt).toBe(1_250);
  });

  it('once a second while runs are in flight', () => {
    const { runs, schedule } = setUp();
    schedule.checked(1_000);
    expect(schedule.dueAt).toBe(Infinity);
    runs.set('r', new LiveRun('r', 'app', 0));
    schedule.checked(1_000);
    expect(schedule.dueAt).toBe(2_000);
  });

  it('before an idle endpoint goes cold', () => {
    const { backend, schedule } = setUp();
    backend.endpoints.get('e1')?.evidence.succeeded(1_000);
    schedule.checked(1_000);
    expect(schedule.dueAt).toBeGreaterThan(1_000);
    expect(schedule.dueAt).toBeLessThan(61_000);
  });

  it('never where nothing is woken ahead', () => {
    const { backend, runs, schedule } = setUp('off');
    runs.set('r', new LiveRun('r', 'app', 0));
    backend.endpoints.get('e1')?.evidence.succeeded(1_000);
    schedule.soon(1_000);
    schedule.checked(1_000);
    expect(schedule.dueAt).toBe(Infinity);
  });

  it('not later than it was by a clock that goes back', () => {
    const { schedule } = setUp();
    schedule.checked(100_000);
    schedule.by(101_000);
    schedule.clockWentBack(5_000);
    expect(schedule.dueAt).toBe(5_250);
    schedule.soon(5_000);
    expect(schedule.dueAt).toBe(5_250);
  });
});

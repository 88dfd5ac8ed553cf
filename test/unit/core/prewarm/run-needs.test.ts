/**
 * The needs of runs in flight: as their samples say where the runs are few, in slices where they are
 * many, and never of runs that have ended.
 */
import { describe, expect, it } from 'vitest';
import type { DispatchEvent } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { needChances } from '../../../../src/core/learning/need-times.ts';
import { type Random, seededRandom } from '../../../../src/core/learning/random.ts';
import { VisitSamples } from '../../../../src/core/learning/visit-samples.ts';
import { RunNeeds } from '../../../../src/core/prewarm/run-needs.ts';
import { LiveRun } from '../../../../src/core/runs/live-run.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';

const COLD = { estimateMs: 10_000, idleTimeoutMs: 60_000 };

function setUp(finished: number, random: Random, toolShare = 0.5) {
  const tool = backendSpec({
    endpoints: [{ id: 't', slots: 4, coldStart: COLD }],
    prewarm: { mode: 'dry-run', theta: 0.25 },
  });
  const llm = backendSpec({ endpoints: [{ id: 'e', slots: 1e6 }], queueDepth: 1e6 });
  const dispatcher = new Dispatcher(configOf({ backends: { llm, tool } }), { random }, 0);
  for (let i = 0; i < finished; i += 1) {
    const size = Math.floor(random() * 60_000);
    const calls = [{ input_tokens: Math.floor(size / 10), output_tokens: size }];
    const plan = { unit: 'plan', backend: 'llm', calls };
    const use = { unit: 'use', backend: 'tool', calls: [{ service_ms: 1_000 }] };
    const units = random() < toolShare ? [plan, use] : [plan];
    dispatcher.models.learn(
      { run: `h${i}`, app: 'app', arrival_ms: 0, units },
      0,
      dispatcher.speeds,
    );
  }
  return dispatcher;
}

function begin(id: string, inputTokens: number, arrivedAt: number): DispatchEvent {
  return { type: 'submitted', call: callRequest(id, { unit: 'plan', inputTokens, arrivedAt }) };
}

/** P(a run needs the tool within `withinMs`), from each run's own samples. */
function exact(dispatcher: Dispatcher, now: number, withinMs: number): number {
  let pNone = 1;
  for (const run of dispatcher.register.runs.values()) {
    const visit = run.visits.at(-1);
    const model = dispatcher.models.model(run.app);
    if (!visit || !model) continue;
    const { within } = model.need({
      state: run.stateIn(visit, dispatcher.speeds),
      backend: 'tool',
      elapsedMs: now - (visit.servingSince ?? visit.startedAt),
      inVisit: visit.outstanding > 0,
      withinMs,
    });
    pNone *= 1 - within;
  }
  return 1 - pNone;
}

/** A run that begins, a run's next call, a call's end, or nothing. */
function change(random: Random, open: string[], id: string, now: number): DispatchEvent {
  const act = random();
  if (act < 0.4 || open.length === 0) {
    open.push(id);
    return begin(id, Math.floor(random() * 6_000), now);
  }
  if (act < 0.7) return { type: 'ended', callId: open.shift() ?? '', result: okResult(1) };
  if (act > 0.8) return { type: 'tick' };
  const runId = open.at(-1)?.split('-')[0] ?? '';
  open.push(`${runId}-${id}`);
  const call = callRequest(`${runId}-${id}`, { runId, unit: 'plan', arrivedAt: now });
  return { type: 'submitted', call };
}

describe('the needs of runs in flight', () => {
  it('are as their own samples say, whatever happens to the runs', () => {
    const random = seededRandom(1);
    const dispatcher = setUp(300, random);
    const { backends, models, speeds, register } = dispatcher;
    const needs = new RunNeeds('tool', { backends, models, speeds, runs: register.runs });
    let [now, begun] = [0, 0];
    const open: string[] = [];
    for (let i = 0; i < 400; i += 1) {
      now += Math.floor(random() * 3_000);
      const event = change(random, open, `r${i}`, now);
      begun += event.type === 'submitted' ? 1 : 0;
      dispatcher.step([event], now);
      for (const run of register.runs.values()) needs.changed(run);
      needs.review(now);
      for (const withinMs of [500, 10_000]) {
        let pNone = 1;
        const lookUps = { left: Infinity };
        for (const need of needs.within(withinMs, lookUps, now)) {
          pNone *= 1 - needChances(need.times, { ...need, withinMs }).within;
        }
        // Samples are looked up again after two seconds, or when the run changes.
        expect(Math.abs(1 - pNone - exact(dispatcher, now, withinMs))).toBeLessThan(0.02);
      }
    }
    expect(begun).toBeGreaterThan(100);
  });

  it('are looked up in slices, and the rest are estimated from all samples', () => {
    const random = seededRandom(2);
    const dispatcher = setUp(300, random, 0.01);
    const looks: number[] = [];
    const needTimes = VisitSamples.prototype.needTimes;
    VisitSamples.prototype.needTimes = function (...args) {
      looks.push(1);
      return needTimes.apply(this, args);
    };
    try {
      for (let i = 0; i < 3_000; i += 1) dispatcher.step([begin(`r${i}`, 3_000, 0)], 0);
      for (let now = 300; now < 3_000; now += 300) {
        looks.length = 0;
        dispatcher.step([{ type: 'tick' }], now);
        expect(looks.length).toBeLessThanOrEqual(100);
      }
    } finally {
      VisitSamples.prototype.needTimes = needTimes;
    }
  });

  it('keep no run that has ended, though no forecast asks for them', () => {
    const dispatcher = setUp(100, seededRandom(4), 1);
    const { backends, models, speeds } = dispatcher;
    const runs = new Map<string, LiveRun>();
    const needs = new RunNeeds('tool', { backends, models, speeds, runs });
    needs.review(0);
    let kept = 0;
    for (let i = 0; i < 5_000; i += 1) {
      const run = new LiveRun(`r${i}`, 'app', 0);
      runs.set(run.id, run);
      runs.delete(`r${i - 10}`);
      needs.changed(run);
      kept = Math.max(kept, needs.held);
    }
    expect(kept).toBeLessThanOrEqual(1_012);
    needs.review(1);
    expect(needs.held).toBe(10);
  });

  it('end with the runs', () => {
    const dispatcher = setUp(100, seededRandom(3), 1);
    for (let i = 0; i < 2_000; i += 1) dispatcher.step([begin(`r${i}`, 3_000, 0)], 0);
    expect(dispatcher.needProbability('tool', 60_000, 1_000)).toBeGreaterThan(0.99);
    for (let i = 0; i < 2_000; i += 1) {
      const events: DispatchEvent[] = [
        { type: 'cancelled', callId: `r${i}` },
        { type: 'run-finished', runId: `r${i}` },
      ];
      dispatcher.step(events, 1_001);
    }
    expect(dispatcher.register.runs.size).toBe(0);
    expect(dispatcher.needProbability('tool', 60_000, 1_002)).toBeLessThan(0.1);
  });
});

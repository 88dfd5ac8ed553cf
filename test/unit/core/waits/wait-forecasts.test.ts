/** Waits that are forecast by draws of how the queue may go on. */
import { describe, expect, it, vi } from 'vitest';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { PolicyName } from '../../../../src/core/order/policies/registry.ts';
import type { CallRequest } from '../../../../src/core/runs/call-request.ts';
import { SceneBuilder } from '../../../../src/core/waits/scene-builder.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';
import { llm, runOf } from '../../../run-builders.ts';

/** Each output token takes a second. */
const SPEED = { inputMs: 0, outputMs: 1_000 };

/** Input and output tokens: long prompts have long answers. */
const BOTH: ReadonlyArray<readonly [number, number]> = [
  [100, 4],
  [900, 40],
];

function dispatcherOf(policy: PolicyName = 'gittins', slots = 1, lengths = BOTH): Dispatcher {
  const backends = { llm: backendSpec({ slots, speed: SPEED }) };
  const dispatcher = new Dispatcher(configOf({ policy, backends }), { random: seededRandom(1) }, 0);
  for (let i = 0; i < 20; i += 1) {
    for (const [input, output] of lengths) {
      dispatcher.models.learn(runOf('app', llm('unit', [output], input + i)), i, dispatcher.speeds);
    }
  }
  return dispatcher;
}

function submit(dispatcher: Dispatcher, id: string, at: number, more: Partial<CallRequest> = {}) {
  const fields = { arrivedAt: at, runId: id, app: 'app', unit: 'unit', final: true, ...more };
  dispatcher.step([{ type: 'submitted', call: callRequest(id, fields) }], at);
}

function told(dispatcher: Dispatcher, id: string, at: number): number {
  const call = dispatcher.call(id);
  return (call && dispatcher.place(call, at)?.waitMs) ?? Number.NaN;
}

describe('a forecast wait', () => {
  it.each(['app-fcfs', 'gittins'] as const)('knows calls by their prompts, under %s', (policy) => {
    const waitBehind = (inputTokens: number) => {
      const dispatcher = dispatcherOf(policy);
      submit(dispatcher, 'running', 0, { inputTokens });
      submit(dispatcher, 'mine', 1, { inputTokens: 100 });
      return told(dispatcher, 'mine', 1_000);
    };
    expect(waitBehind(105)).toBeCloseTo(3_000, -1);
    expect(waitBehind(905)).toBeCloseTo(39_000, -1);
  });

  it('takes a call that has run for longer than its like for a longer one', () => {
    const dispatcher = dispatcherOf();
    submit(dispatcher, 'running', 0, { inputTokens: 500 });
    submit(dispatcher, 'mine', 1, { inputTokens: 100 });
    expect(told(dispatcher, 'mine', 10_000)).toBeCloseTo(30_000, -1);
    // Beyond all that is known it is told something, and more the longer it takes.
    const meanFrom = (from: number) => {
      const asked = Array.from({ length: 20 }, (_, i) =>
        told(dispatcher, 'mine', from + 1_000 * i),
      );
      expect(Math.min(...asked)).toBeGreaterThan(0);
      return asked.reduce((sum, ms) => sum + ms, 0) / asked.length;
    };
    expect(meanFrom(60_000)).toBeLessThan(meanFrom(240_000));
  });

  it('counts what the runs ahead ask next', () => {
    const dispatcher = dispatcherOf('app-fcfs');
    for (let i = 0; i < 20; i += 1) {
      const visits = [1, 2, 3].map((n) => llm(`step${n}`, [10]));
      dispatcher.models.learn(runOf('steps', ...visits), i, dispatcher.speeds);
    }
    submit(dispatcher, 'ahead', 0, { app: 'steps', unit: 'step1', final: false });
    submit(dispatcher, 'mine', 1);
    expect(told(dispatcher, 'mine', 1)).toBeCloseTo(30_000, -2);
  });

  it.each(['fcfs', 'app-fcfs', 'gittins', 'sjf', 'las'] as const)(
    'counts down while all goes on as expected, under %s',
    (policy) => {
      const dispatcher = dispatcherOf(policy, 2, [[900, 40]]);
      // Each takes 40 s, so the n-th pair of them has its slots at 40 n s.
      for (let i = 0; i < 8; i += 1) submit(dispatcher, `c${i}`, 0, { inputTokens: 910 });
      const waiting = new Set(['c2', 'c3', 'c4', 'c5', 'c6', 'c7']);
      const endsAt = new Map<string, number>();
      const endPair = (n: number, at: number) => {
        for (const callId of [`c${2 * n}`, `c${2 * n + 1}`]) {
          const result = okResult(40, { inputTokens: 910, serviceMs: 40_000 });
          dispatcher.step([{ type: 'ended', callId, result }], at);
        }
      };
      for (let at = 0; at <= 120_000; at += 1_000) {
        if (at > 0 && at % 40_000 === 0) endPair(at / 40_000 - 1, at);
        for (const id of waiting) {
          if (dispatcher.call(id)?.lease) waiting.delete(id);
          if (!waiting.has(id)) continue;
          const end = at + told(dispatcher, id, at);
          expect(end).toBeLessThanOrEqual((endsAt.get(id) ?? Infinity) + 100);
          endsAt.set(id, end);
        }
      }
      expect(waiting.size).toBe(0);
      const ends = [...endsAt.values()].map((ms) => Math.round(ms / 10_000));
      expect(ends).toEqual([4, 4, 8, 8, 12, 12]);
    },
  );

  it('is that of the endpoint which has the prompt, where a call is held back for it', () => {
    const ends = [
      { id: 'a', slots: 1 },
      { id: 'b', slots: 1 },
    ] as const;
    const backends = {
      llm: backendSpec({ endpoints: ends, speed: { inputMs: 10, outputMs: 1_000 } }),
    };
    const dispatcher = new Dispatcher(configOf({ backends }), { random: seededRandom(1) }, 0);
    for (let i = 0; i < 20; i += 1) {
      const visits = [llm('unit', [4], 1_000), llm('unit', [40], 1_000)];
      dispatcher.models.learn(runOf('app', ...visits), i, dispatcher.speeds);
    }
    const prefix = [{ id: 'p', tokens: 1_000 }];
    submit(dispatcher, 'first', 0, { prefix, inputTokens: 1_000, final: false, runId: 'r' });
    const result = okResult(14_000, { inputTokens: 1_000, outputTokens: 4 });
    dispatcher.step([{ type: 'ended', callId: 'first', result }], 14_000);
    submit(dispatcher, 'again', 14_000, { prefix, inputTokens: 1_000, final: false, runId: 'r' });
    submit(dispatcher, 'held', 14_001, { prefix, inputTokens: 1_000, runId: 'other' });
    // The other endpoint is free, but would have to read the prompt.
    expect(dispatcher.call('held')?.placed.heldFor).toBe('a');
    expect(told(dispatcher, 'held', 14_001)).toBeGreaterThan(1_000);
  });

  it('is a function of what happened', () => {
    const tellings = [1, 2].map(() => {
      const dispatcher = dispatcherOf('gittins', 2);
      for (let i = 0; i < 12; i += 1) {
        submit(dispatcher, `c${i}`, i * 100, { inputTokens: i % 2 ? 110 : 910 });
      }
      return Array.from({ length: 10 }, (_, i) => told(dispatcher, `c${i + 2}`, 2_000));
    });
    expect(tellings[0]).toEqual(tellings[1]);
    expect(tellings[0]?.every((ms) => ms >= 0)).toBe(true);
  });

  it('is told to one who only looks without a comparison with what comes', () => {
    const dispatcher = dispatcherOf();
    submit(dispatcher, 'running', 0);
    submit(dispatcher, 'mine', 1);
    const call = dispatcher.call('mine');
    expect(call && dispatcher.placeSeen(call, 500)?.waitMs).toBeGreaterThan(0);
    expect(call?.told).toBeUndefined();
    expect(told(dispatcher, 'mine', 500)).toBe(call && dispatcher.placeSeen(call, 500)?.waitMs);
    expect(call?.told).toMatchObject({ isForecast: true });
  });

  it('is computed for many who ask at once, and not for each of them', () => {
    const scenes = vi.spyOn(SceneBuilder.prototype, 'scene');
    const dispatcher = dispatcherOf();
    for (let i = 0; i < 1_000; i += 1) submit(dispatcher, `c${i}`, 0, { inputTokens: 100 });
    expect(scenes).toHaveBeenCalledTimes(0);
    for (let i = 1; i < 1_000; i += 1) expect(told(dispatcher, `c${i}`, 1)).toBeGreaterThan(0);
    expect(scenes.mock.calls.length).toBeGreaterThan(0);
    expect(scenes.mock.calls.length).toBeLessThan(30);
    scenes.mockRestore();
  });
});

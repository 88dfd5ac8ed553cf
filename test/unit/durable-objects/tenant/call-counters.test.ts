import { describe, expect, it } from 'vitest';
import { CallCounters } from '../../../../durable-objects/tenant/call-counters.ts';
import type { DispatchEvent } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { CallRequest } from '../../../../src/core/runs/call-request.ts';
import type { CallResult } from '../../../../src/core/runs/call-result.ts';
import { exposition as expositionWith, type Source } from '../../../../src/metrics/exposition.ts';
import { HELP } from '../../../../src/metrics/help.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';
import { parsePrometheus, valueIn } from '../../../prometheus-text.ts';

const exposition = (sources: readonly Source[]) => expositionWith(sources, HELP);

const FAULT: CallResult = { outcome: 'failed', endpointFault: true, cold: false, serviceMs: 5 };

/** A dispatcher whose steps are counted as the tenant's object does. */
function counted(config = configOf({ slots: 1 })) {
  const dispatcher = new Dispatcher(config, { random: seededRandom(1) }, 0);
  const counters = new CallCounters(0);
  const step = (now: number, ...events: DispatchEvent[]) => {
    const before = counters.beforeStep(events, dispatcher, now);
    const effects = dispatcher.step(events, now);
    counters.stepped(before, effects, dispatcher, now);
    for (const effect of effects) {
      counters.effect(effect, 'callId' in effect ? dispatcher.call(effect.callId) : undefined);
    }
  };
  const submit = (now: number, callId: string, fields: Partial<CallRequest> = {}) =>
    step(now, { type: 'submitted', call: callRequest(callId, { arrivedAt: now, ...fields }) });
  const end = (now: number, callId: string, result: CallResult, again = false) =>
    step(now, { type: 'ended', callId, result, again });
  const value = (name: string, labels: Record<string, string> = {}) =>
    valueIn(parsePrometheus(exposition([{ samples: counters.samples() }])), name, labels);
  return { counters, dispatcher, step, submit, end, value };
}

describe('a call', () => {
  it('that succeeds is counted once, with its times and tokens', () => {
    const { submit, end, value } = counted();
    submit(1_000, 'first');
    submit(2_000, 'second');
    const answer = okResult(11, { serviceMs: 900, firstByteMs: 400, cachedTokens: 30 });
    end(5_000, 'first', answer);
    // Granted at 5 s, after 3 s.
    end(6_000, 'second', answer);
    const ok = { backend: 'llm', endpoint: 'e1', app: 'app', outcome: 'ok', code: 'ok' };
    expect(value('talaria_calls_total', ok)).toBe(2);
    expect(value('talaria_leases_granted_total', { endpoint: 'e1' })).toBe(2);
    expect(value('talaria_queue_duration_seconds_sum')).toBe(3);
    expect(value('talaria_queue_duration_seconds_bucket', { le: '2.56' })).toBe(1);
    expect(value('talaria_time_to_first_token_seconds_sum')).toBeCloseTo(0.4 + 3.4);
    expect(value('talaria_call_duration_seconds_sum')).toBeCloseTo(4 + 4);
    expect(value('talaria_time_per_output_token_seconds_sum')).toBeCloseTo(2 * 0.05);
    expect(value('talaria_input_tokens_total')).toBe(200);
    expect(value('talaria_cached_tokens_total')).toBe(60);
    expect(value('talaria_output_tokens_total')).toBe(22);
    expect(value('talaria_object_steps_total')).toBe(4);
  });

  it('whose answer is not streamed has no time to the first token', () => {
    const { submit, end, value } = counted();
    submit(0, 'a');
    end(100, 'a', okResult(11, { serviceMs: 90, decodeMs: 50 }));
    submit(200, 'b', { sequences: 1 });
    end(300, 'b', okResult(1, { serviceMs: 90, firstByteMs: 90 }));
    expect(value('talaria_time_to_first_token_seconds_count')).toBe(1);
    expect(value('talaria_time_per_output_token_seconds_count')).toBe(1);
    expect(value('talaria_time_per_output_token_seconds_sum')).toBeCloseTo(0.005);
  });

  it('that is retried is counted as a retry, and then once by how it ended', () => {
    const endpoints = ['e1', 'e2'].map((id) => ({ id, slots: 1 }));
    const { submit, end, value } = counted(
      configOf({ backends: { llm: backendSpec({ endpoints }) } }),
    );
    submit(0, 'a');
    end(10, 'a', FAULT, true);
    const calls = { app: 'app' };
    expect(value('talaria_calls_total', calls)).toBeUndefined();
    expect(value('talaria_retries_total', { code: 'upstream_error' })).toBe(1);
    end(20, 'a', okResult(5));
    expect(value('talaria_calls_total', calls)).toBe(1);
    expect(value('talaria_leases_granted_total', { endpoint: 'e1' })).toBe(1);
    expect(value('talaria_leases_granted_total', { endpoint: 'e2' })).toBe(1);
    // The time in queue is that of the first slot.
    expect(value('talaria_queue_duration_seconds_count')).toBe(1);
  });

  it.each<[string, Partial<CallResult>]>([
    ['upstream_error', { endpointFault: true }],
    ['upstream_timeout', { endpointFault: true, timedOut: true }],
    ['upstream_busy', { busy: true }],
    ['backend_warming', { cold: true }],
    ['rejected', {}],
  ])('that fails has the code %s', (code, fields) => {
    const { submit, end, value } = counted();
    submit(0, 'a');
    end(10, 'a', { ...FAULT, endpointFault: false, ...fields });
    expect(value('talaria_calls_total', { outcome: 'failed' })).toBe(1);
    expect(value('talaria_calls_total', { code })).toBe(1);
    expect(value('talaria_call_duration_seconds_count')).toBeUndefined();
  });

  it('that its client gives up is counted once, waiting or running', () => {
    const { submit, step, value } = counted();
    submit(0, 'running');
    submit(0, 'waiting');
    step(1, { type: 'cancelled', callId: 'waiting' });
    step(2, { type: 'cancelled', callId: 'running' });
    step(3, { type: 'cancelled', callId: 'running' });
    const cancelled = (endpoint: string) =>
      value('talaria_calls_total', { endpoint, outcome: 'cancelled' });
    expect([cancelled(''), cancelled('e1')]).toEqual([1, 1]);
  });

  it('whose Worker is lost is counted when its lease expires', () => {
    const { submit, step, value } = counted(configOf({ slots: 1, leaseMs: 10_000 }));
    submit(0, 'a');
    for (let now = 1_000; now <= 30_000; now += 1_000) step(now, { type: 'tick' });
    expect(value('talaria_leases_expired_total', { backend: 'llm', endpoint: 'e1' })).toBe(1);
    expect(value('talaria_calls_total', { outcome: 'expired', app: 'app' })).toBe(1);
  });

  it('that is refused is counted by its code and its key, once', () => {
    const { submit, step, value } = counted(
      configOf({ backends: { llm: backendSpec({ slots: 1, queueDepth: 1, maxWaitMs: 5_000 }) } }),
    );
    for (const id of ['running', 'waiting', 'refused']) submit(0, id, { keyId: 'k' });
    expect(value('talaria_calls_total', { code: 'queue_full', outcome: 'refused' })).toBe(1);
    step(5_000, { type: 'tick' });
    expect(value('talaria_calls_total', { code: 'queue_timeout', app: 'app' })).toBe(1);
    expect(value('talaria_refusals_total', { key: 'k', code: 'queue_timeout' })).toBe(1);
    expect(value('talaria_refusals_total', { key: 'k', code: 'queue_full' })).toBe(1);
  });

  it('that is granted anew after its caller lost the answer is one lease', () => {
    const { submit, value } = counted();
    submit(0, 'a');
    submit(5, 'a');
    expect(value('talaria_leases_granted_total')).toBe(1);
  });

  it('is counted once, whatever happens in a thousand events', () => {
    const random = seededRandom(7);
    const { submit, end, step, dispatcher, counters } = counted(
      configOf({ backends: { llm: backendSpec({ slots: 3, queueDepth: 20, maxWaitMs: 2_000 }) } }),
    );
    const ids: string[] = [];
    const acts: Array<(now: number, id: string) => void> = [
      (now, id) => end(now, id, okResult(3)),
      (now, id) => end(now, id, FAULT),
      (now, id) => end(now, id, FAULT, true),
      (now, id) => step(now, { type: 'cancelled', callId: id }),
      (now) => step(now, { type: 'tick' }),
    ];
    for (let i = 0, now = 0; i < 1_000; i += 1) {
      now += Math.floor(random() * 300);
      const live = ids.filter((id) => dispatcher.call(id));
      const id = live[Math.floor(random() * live.length)] ?? '';
      const act = acts[Math.floor(random() * 2 * acts.length)];
      if (act) act(now, id);
      else submit(now, ids[ids.push(`c${i}`) - 1] ?? '');
    }
    const ended = ids.filter((id) => !dispatcher.call(id)).length;
    const calls = counters.samples().talaria_calls_total ?? [];
    expect(calls.reduce((sum, [, count]) => sum + Number(count), 0)).toBe(ended);
    expect(calls.length).toBeGreaterThan(4);
  });
});

describe('a circuit breaker', () => {
  it('is counted when it opens, not while it is open', () => {
    const { submit, end, value } = counted(configOf({ slots: 5 }));
    for (let i = 0; i < 5; i += 1) submit(0, `c${i}`);
    for (let i = 0; i < 5; i += 1) end(10 + i, `c${i}`, FAULT);
    expect(value('talaria_circuit_openings_total', { backend: 'llm', endpoint: 'e1' })).toBe(1);
  });
});

describe('forecasts', () => {
  it('are counted against what came, without wakes whose need is not known', () => {
    const { counters, value } = counted();
    const wake = { at: 0, reason: '', probability: 0.25 };
    const settle = (
      cause: 'demand' | 'operator' | 'prewarm',
      outcome: 'used' | 'wasted' | 'failed',
    ) =>
      counters.effect(
        {
          type: 'wake-settled',
          backend: 'm',
          endpoint: 'e',
          wake: { ...wake, cause },
          outcome,
          warmMs: 0,
          money: 0,
        },
        undefined,
      );
    settle('prewarm', 'used');
    settle('prewarm', 'wasted');
    settle('prewarm', 'failed');
    settle('demand', 'used');
    settle('operator', 'used');
    expect(value('talaria_forecast_expected_needs_total')).toBe(0.5);
    expect(value('talaria_forecast_actual_needs_total')).toBe(1);
    expect(value('talaria_wakes_ended_total', { cause: 'prewarm', outcome: 'failed' })).toBe(1);
  });
});

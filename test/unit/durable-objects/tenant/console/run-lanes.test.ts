/** The waterfall of a run: spans of its calls, its fan-outs and gaps, measured or placed. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CallTimes,
  RunTimes,
  readTimes,
  writeTimes,
} from '../../../../../durable-objects/tenant/call-times.ts';
import {
  gapsOf,
  lanesOf,
  placedLanes,
  spansOf,
  waitedMs,
} from '../../../../../durable-objects/tenant/console/run-lanes.ts';

function times(fields: Partial<CallTimes> = {}): CallTimes {
  return {
    ...{ call: 'c', requestId: null, unit: 'u', backend: 'llm', endpoint: 'e', attempts: 1 },
    ...{ outcome: 'succeeded', arrivedAt: 1_000, grantedAt: 4_000, endedAt: 9_000, coldMs: 2_000 },
    ...{ firstByteMs: 500, inputTokens: 10, cachedTokens: null, outputTokens: 5 },
    ...fields,
  };
}

const kindsOf = (call: CallTimes) => spansOf(call).map(({ kind }) => kind);

describe('the spans of a call', () => {
  it('are waking, waiting, prefill and decode, without a hole between them', () => {
    expect(spansOf(times())).toEqual([
      { kind: 'waking', from: 1_000, to: 3_000 },
      { kind: 'waiting', from: 3_000, to: 4_000 },
      { kind: 'prefill', from: 4_000, to: 4_500 },
      { kind: 'decode', from: 4_500, to: 9_000 },
    ]);
  });

  it('of a call that goes on end with one that has no end', () => {
    const waits = times({ grantedAt: null, endedAt: null, outcome: 'running', coldMs: 0 });
    expect(spansOf(waits)).toEqual([{ kind: 'waiting', from: 1_000, to: null }]);
    const runs = times({ endedAt: null, outcome: 'running', firstByteMs: null, coldMs: 0 });
    expect(spansOf(runs).at(-1)).toEqual({ kind: 'service', from: 4_000, to: null });
  });

  it('of a call that was refused are its wait, and of a tool its service', () => {
    expect(kindsOf(times({ grantedAt: null, outcome: 'refused' }))).toEqual(['waking', 'waiting']);
    expect(kindsOf(times({ outputTokens: null, coldMs: 0 }))).toEqual(['waiting', 'service']);
  });

  it('never overlap, and cover the time from arrival to end, whatever was measured', () => {
    const ms = fc.integer({ min: 0, max: 10_000 });
    fc.assert(
      fc.property(ms, ms, ms, fc.option(ms), (wait, service, coldMs, firstByteMs) => {
        const [grantedAt, endedAt] = [1_000 + wait, 1_000 + wait + service];
        const spans = spansOf(times({ grantedAt, endedAt, coldMs, firstByteMs }));
        let at = 1_000;
        for (const { from, to } of spans) {
          expect(from).toBe(at);
          at = to ?? Infinity;
        }
        expect(at).toBe(endedAt);
      }),
      { seed: 5 },
    );
  });
});

describe('the lanes of a run', () => {
  it('are one fan-out where calls of a unit overlap, and another visit where they do not', () => {
    const lanes = lanesOf(
      [
        times({ call: 'a' }),
        times({ call: 'b', arrivedAt: 1_500 }),
        times({ call: 'other', unit: 'v', arrivedAt: 2_000 }),
        times({ call: 'again', arrivedAt: 20_000, grantedAt: 20_000, endedAt: 21_000 }),
      ],
      new Map([['u', 'Unit U']]),
    );
    expect(lanes.map(({ call, visit }) => [call, visit])).toEqual([
      ['a', 1],
      ['b', 1],
      ['other', 2],
      ['again', 3],
    ]);
    expect(lanes[0]?.unitLabel).toBe('Unit U');
    expect(gapsOf(lanes)).toEqual([{ kind: 'gap', from: 9_000, to: 20_000 }]);
    // The waits of a and b overlap and count once; the other call of 2,000 waits until 4,000 as well.
    const spans = lanes.flatMap((lane) => lane.spans);
    expect(waitedMs(spans, 0)).toBe(3_000);
  });

  it('of which nothing was measured fit into the time that the run took', () => {
    const record = {
      ...{ run: 'r', app: 'a', arrival_ms: 1_000 },
      units: [
        { unit: 'u', backend: 'llm', gap_ms: 100, calls: [call(10, 50), call(10, 90)] },
        { unit: 't', backend: 'tool', calls: [{ service_ms: 500 }] },
      ],
    };
    const speeds = () => ({ inputMs: 1, outputMs: 10 });
    const lanes = placedLanes(record, 1_700, speeds);
    expect(lanes.map(({ measured, visit }) => [measured, visit])).toEqual([
      [false, 1],
      [false, 1],
      [false, 2],
    ]);
    expect(lanes.at(-1)?.spans[0]?.to).toBeCloseTo(1_700);
    // With time to spare they take what is expected.
    expect(placedLanes(record, 99_000, speeds).at(-1)?.spans[0]?.to).toBeCloseTo(2_510);
  });
});

function call(input_tokens: number, output_tokens: number) {
  return { input_tokens, output_tokens };
}

describe('times that are stored', () => {
  it('are read as they were written', () => {
    const calls = [
      times(),
      times({ call: '"]\u0000', requestId: 'r', grantedAt: null, endedAt: 7 }),
    ];
    expect(readTimes(writeTimes(calls, 900), 900)).toEqual(calls);
  });

  it.each([undefined, 'null', '[]', '[[1]]', '{"a":1}'])('that say %j are none', (text) => {
    expect(readTimes(text, 0)).toEqual([]);
  });

  it('are bounded by run and over all runs', () => {
    const held = new RunTimes();
    for (let i = 0; i < 1_000; i += 1) held.add('long', times({ call: `c${i}` }));
    expect(held.of('long')).toHaveLength(200);
    for (let i = 0; i < 20_000; i += 1) held.add(`r${i}`, times());
    expect(held.of('long')).toEqual([]);
    expect(held.take('r19999')).toHaveLength(1);
    expect(held.take('r19999')).toEqual([]);
    const names = Array.from({ length: 20_000 }, (_, i) => `r${i}`);
    expect(names.reduce((n, name) => n + held.of(name).length, 0)).toBe(4_999);
    const big = times({ unit: 'x'.repeat(500) });
    expect(
      writeTimes(
        Array.from({ length: 200 }, () => big),
        0,
      ),
    ).toBeUndefined();
  });
});

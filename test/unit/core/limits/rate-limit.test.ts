/** Limits a minute: what they admit, what they give back, and what they report. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyLimits } from '../../../../src/core/limits/key-limits.ts';
import {
  type Bucket,
  filled,
  gaugeOf,
  taken,
  waitMs,
} from '../../../../src/core/limits/rate-limit.ts';

describe('a bucket', () => {
  it('never admits more than the limit plus what was refilled since', () => {
    const steps = fc.array(fc.record({ afterMs: fc.nat(30_000), cost: fc.nat(20) }));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), steps, (limit, list) => {
        let bucket: Bucket | undefined;
        let now = 0;
        let letThrough = 0;
        for (const { afterMs, cost } of list) {
          now += afterMs;
          const present = filled(limit, bucket, now);
          if (waitMs(limit, present, cost) > 0) continue;
          bucket = taken(limit, present, cost);
          letThrough += Math.min(cost, limit);
        }
        expect(letThrough).toBeLessThanOrEqual(limit + (limit * now) / 60_000 + 1e-6);
      }),
    );
  });

  it('admits a cost after exactly the wait that it reports, and not before', () => {
    const bucket = taken(60, filled(60, undefined, 0), 60);
    expect(waitMs(60, bucket, 3)).toBe(3_000);
    expect(waitMs(60, filled(60, bucket, 2_999), 3)).toBe(1);
    expect(waitMs(60, filled(60, bucket, 3_000), 3)).toBe(0);
  });

  it('admits a cost above its limit when it is full, with a debt of at most one limit', () => {
    const full = filled(100, undefined, 0);
    expect(waitMs(100, full, 5_000)).toBe(0);
    const after = taken(100, taken(100, full, 5_000), 5_000);
    expect(gaugeOf(100, after)).toEqual({ limit: 100, remaining: 0, resetMs: 120_000 });
    expect(filled(100, after, 60_000).level).toBe(0);
    // After the limit was lowered, it also bounds the debt that was made under the higher limit.
    expect(filled(10, after, 60_000).level).toBe(0);
  });

  it('does not run backwards with the clock, and holds no more than its limit', () => {
    const bucket = taken(60, filled(60, undefined, 10_000), 30);
    expect(filled(60, bucket, 0).level).toBe(30);
    expect(taken(60, filled(60, bucket, 10_000), -1_000).level).toBe(60);
  });
});

describe('the limits of a key', () => {
  const call = (callId: string, inputTokens = 10, keyId = 'k') => ({
    callId,
    keyId,
    inputTokens,
    outputTokens: 0,
  });

  it('count requests and tokens, each key by itself', () => {
    const limits = new KeyLimits();
    const both = { requests: 2, tokens: 100 };
    expect(limits.admit(call('a', 60), both, 0)).toMatchObject({
      ok: true,
      gauges: { requests: { remaining: 1 }, tokens: { remaining: 40 } },
    });
    const refused = limits.admit(call('b', 60), both, 0);
    expect(refused).toMatchObject({ ok: false, limit: 'tokens', retryAfterMs: 12_000 });
    // The refused call took nothing.
    expect(refused.gauges).toMatchObject({ requests: { remaining: 1 }, tokens: { remaining: 40 } });
    expect(limits.admit(call('c', 60, 'other'), both, 0).ok).toBe(true);
    expect(limits.admit(call('d', 40), both, 0).ok).toBe(true);
    expect(limits.admit(call('e', 0), both, 0)).toMatchObject({ ok: false, limit: 'requests' });
  });

  it('charge a call once, however often it is submitted', () => {
    const limits = new KeyLimits();
    const one = { requests: 1 };
    expect(limits.admit(call('a'), one, 0).ok).toBe(true);
    expect(limits.admit(call('a'), one, 0).ok).toBe(true);
    expect(limits.admit(call('b'), one, 0).ok).toBe(false);
  });

  it('charge a call that has begun already beyond what is left, and later calls wait for that', () => {
    const limits = new KeyLimits();
    const both = { requests: 1, tokens: 100 };
    for (const id of ['a', 'b', 'b']) {
      const { ok } = limits.admit({ ...call(id, 300), hasBegun: true }, both, 0);
      expect(ok).toBe(true);
    }
    expect(limits.admit(call('c', 100), both, 0)).toMatchObject({ ok: false });
    expect(limits.admit(call('c', 100), both, 119_000)).toMatchObject({ retryAfterMs: 1_000 });
    limits.settle('a', { inputTokens: 20, outputTokens: 0 }, 0);
    expect(limits.gauges('k', both, 0).tokens?.remaining).toBe(0);
  });

  it('get back once what a refused call took', () => {
    const limits = new KeyLimits();
    const both = { requests: 2, tokens: 100 };
    limits.admit(call('a', 100), both, 0);
    limits.refund('a', 0);
    limits.refund('a', 0);
    expect(limits.gauges('k', both, 0)).toEqual({
      requests: { limit: 2, remaining: 2, resetMs: 0 },
      tokens: { limit: 100, remaining: 100, resetMs: 0 },
    });
  });

  it('are corrected once by what a call actually took', () => {
    const limits = new KeyLimits();
    const tokens = { tokens: 100 };
    limits.admit(call('a', 10), tokens, 0);
    limits.settle('a', { inputTokens: 100, outputTokens: 30 }, 0);
    limits.settle('a', { inputTokens: 100, outputTokens: 30 }, 0);
    expect(limits.gauges('k', tokens, 0).tokens).toMatchObject({ remaining: 0, resetMs: 78_000 });
    expect(limits.admit(call('b', 10), tokens, 0)).toMatchObject({ retryAfterMs: 24_000 });
    limits.admit(call('c', 50), tokens, 60_000);
    limits.settle('c', undefined, 60_000);
    expect(limits.gauges('k', tokens, 60_000).tokens?.remaining).toBe(20);
  });

  it('count the estimated input where the actual input is unknown', () => {
    const limits = new KeyLimits();
    const tokens = { tokens: 100 };
    limits.admit({ ...call('a', 60), outputTokens: 20 }, tokens, 0);
    limits.settle('a', { outputTokens: 5 }, 0);
    expect(limits.gauges('k', tokens, 0).tokens?.remaining).toBe(35);
  });

  it('count a request once that was tried at several backends', () => {
    const limits = new KeyLimits();
    const both = { requests: 2, tokens: 100 };
    limits.admit(call('a'), both, 0);
    limits.settle('a', { inputTokens: 0, outputTokens: 0 }, 0);
    limits.admit({ ...call('b'), isCharged: true }, both, 0);
    expect(limits.gauges('k', both, 0)).toMatchObject({
      requests: { remaining: 1 },
      tokens: { remaining: 90 },
    });
    limits.refund('b', 0);
    expect(limits.gauges('k', both, 0)).toMatchObject({
      requests: { remaining: 1 },
      tokens: { remaining: 100 },
    });
  });

  it('are none where none are configured', () => {
    const limits = new KeyLimits();
    for (let i = 0; i < 1_000; i += 1) {
      expect(limits.admit(call(`${i}`, 1e9), {}, 0)).toEqual({ ok: true, gauges: {} });
    }
  });

  it('let no burst take more than the limit of a minute, if outputs stay within their limits', () => {
    const step = fc.record({
      afterMs: fc.nat(20_000),
      input: fc.nat(100),
      most: fc.nat(3_000),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      endsAfter: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const limits = new KeyLimits();
        const tokens = { tokens: 2_000 };
        const running: Array<{ id: string; input: number; output: number; left: number }> = [];
        let [now, taken] = [0, 0];
        steps.forEach(({ afterMs, input, most, share, endsAfter }, i) => {
          now += afterMs;
          const estimate = { ...call(`${i}`, input), outputTokens: most };
          const answer = limits.admit(estimate, tokens, now);
          expect(!answer.ok && answer.limit === 'too-large').toBe(input + most > 2_000);
          if (answer.ok) {
            running.push({ id: `${i}`, input, output: Math.floor(most * share), left: endsAfter });
          }
          for (const run of running.filter((r) => r.left-- === 0)) {
            taken += run.input + run.output;
            limits.settle(run.id, { inputTokens: run.input, outputTokens: run.output }, now);
          }
        });
        expect(taken).toBeLessThanOrEqual(2_000 + (2_000 * now) / 60_000 + 1e-6);
      }),
    );
  });

  it('expects of each answer of a call without a limit at least the usual least', () => {
    const limits = new KeyLimits();
    const tokens = { tokens: 10_000 };
    const asking = (answers: number) => ({ callId: 'a', keyId: 'k', inputTokens: 0, answers });
    expect(limits.admit(asking(40), tokens, 0)).toMatchObject({
      ok: true,
      gauges: { tokens: { remaining: 2_000 } },
    });
    // However many: what is reserved is all that a minute has, and no more.
    const many = new KeyLimits();
    expect(many.admit(asking(1e300), tokens, 0).ok).toBe(true);
    expect(many.gauges('k', tokens, 0)).toMatchObject({ tokens: { remaining: 0 } });
  });

  it('permanently refuse a call that can never fit, and say so', () => {
    const limits = new KeyLimits();
    const tokens = { tokens: 2_000 };
    const refused = limits.admit({ ...call('a'), outputTokens: 32_000 }, tokens, 0);
    expect(refused).toMatchObject({ ok: false, limit: 'too-large', cost: 32_010, most: 2_000 });
    expect(limits.admit(call('b', 2_001), tokens, 0)).toMatchObject({ limit: 'too-large' });
    expect(limits.admit({ ...call('c'), outputTokens: 1e300 }, tokens, 0).ok).toBe(false);
    // The refused call took nothing, and a call that just fits is admitted.
    expect(limits.admit({ ...call('d'), outputTokens: 1_990 }, tokens, 0).ok).toBe(true);
  });

  it('estimate the output of a call without a limit from the usual output of its key', () => {
    const limits = new KeyLimits();
    const tokens = { tokens: 2_000 };
    const unlimited = (callId: string) => ({ callId, keyId: 'k', inputTokens: 0 });
    let now = 0;
    const admitted = () => {
      now += 120_000;
      let n = 0;
      while (limits.admit(unlimited(`${now}-${n}`), tokens, now).ok) n += 1;
      for (let i = 0; i < n; i += 1) limits.settle(`${now}-${i}`, { outputTokens: 1_000 }, now);
      return n;
    };
    expect(admitted()).toBe(10);
    expect(admitted()).toBe(2);
    // A debt of any size ends after one minute.
    expect(limits.gauges('k', tokens, now).tokens?.resetMs).toBeLessThanOrEqual(120_000);
    expect(limits.gauges('other', tokens, now).tokens?.remaining).toBe(2_000);
  });

  it('charge requests that are not model calls', () => {
    const limits = new KeyLimits();
    const both = { requests: 3, tokens: 100 };
    expect(limits.charge('k', 2, both, 0)).toEqual({ ok: true });
    expect(limits.charge('k', 2, both, 0)).toEqual({ ok: false, limit: 3, retryAfterMs: 20_000 });
    expect(limits.gauges('k', both, 0)).toMatchObject({
      requests: { remaining: 1 },
      tokens: { remaining: 100 },
    });
    expect(limits.charge('k', 1_000, { tokens: 100 }, 0)).toEqual({ ok: true });
  });
});

/** The speed of a backend, learned from the calls that it answered. */
import { describe, expect, it } from 'vitest';
import { LearnedSpeed } from '../../../../src/core/backends/learned-speed.ts';
import { callRequest, okResult } from '../../../dispatch-builders.ts';

const ASSUMED = { inputMs: 0.1, outputMs: 25 };

/** A streamed answer with these prefill and decode times. */
function streamed(input: number, output: number, inputMs: number, outputMs: number) {
  return okResult(output, {
    inputTokens: input,
    firstByteMs: input * inputMs + outputMs,
    serviceMs: input * inputMs + output * outputMs,
  });
}

describe('LearnedSpeed', () => {
  it('assumes what it is told until a call has ended', () => {
    const speed = new LearnedSpeed(ASSUMED);
    expect(speed.value).toMatchObject(ASSUMED);
    expect(speed.meanServiceMs).toBe(5_000);
  });

  it('separates prefill from decode by the first byte of a stream, from the first call on', () => {
    const speed = new LearnedSpeed(ASSUMED);
    speed.observe(streamed(1_000, 50, 0.4, 8), callRequest('c1'));
    expect(speed.value.inputMs).toBeCloseTo(0.4, 9);
    expect(speed.value.outputMs).toBeCloseTo(8, 9);
    expect(speed.meanServiceMs).toBeCloseTo(800, 9);
  });

  it('learns no prefill from a short prompt', () => {
    const speed = new LearnedSpeed(ASSUMED);
    speed.observe(streamed(199, 50, 2, 8), callRequest('c1'));
    expect(speed.value.inputMs).toBe(0.1);
    expect(speed.value.outputMs).toBeCloseTo(8, 9);
    speed.observe(streamed(200, 50, 2, 8), callRequest('c2'));
    expect(speed.value.inputMs).toBeCloseTo(2, 9);
  });

  it('takes the prefill as known where the answer came in one piece or is one token', () => {
    const plain = new LearnedSpeed(ASSUMED);
    plain.observe(okResult(40, { inputTokens: 1_000, serviceMs: 900 }), callRequest('c1'));
    expect(plain.value.inputMs).toBe(0.1);
    expect(plain.value.outputMs).toBeCloseTo((900 - 100) / 40, 9);

    const single = new LearnedSpeed(ASSUMED);
    single.observe(
      okResult(1, { inputTokens: 1_000, serviceMs: 130, firstByteMs: 130 }),
      callRequest('c1'),
    );
    expect(single.value.inputMs).toBe(0.1);
    expect(single.value.outputMs).toBeCloseTo(30, 9);
  });

  it('uses the estimate of the request where the endpoint does not count input', () => {
    const speed = new LearnedSpeed(ASSUMED);
    const { inputTokens: _, ...uncounted } = okResult(10, { serviceMs: 300 });
    speed.observe(uncounted, callRequest('c1', { inputTokens: 1_000 }));
    expect(speed.value.outputMs).toBeCloseTo((300 - 100) / 10, 9);
  });

  it('never learns a negative time for a token', () => {
    const speed = new LearnedSpeed(ASSUMED);
    speed.observe(okResult(10, { inputTokens: 10_000, serviceMs: 5 }), callRequest('c1'));
    expect(speed.value.outputMs).toBe(0);
    // An answer that came almost entirely in its first byte would give a negative prefill time.
    const other = new LearnedSpeed(ASSUMED);
    other.observe(
      okResult(2, { inputTokens: 1_000, firstByteMs: 5, serviceMs: 1_000 }),
      callRequest('c1'),
    );
    expect(other.value.inputMs).toBe(0);
  });

  it('is a plain mean of the first calls and then follows the last fifty or so', () => {
    const speed = new LearnedSpeed(ASSUMED);
    const serve = (ms: number) =>
      speed.observe(okResult(0, { serviceMs: ms }), callRequest('c1', { kind: 'service' }));
    for (const ms of [100, 200, 600]) serve(ms);
    expect(speed.meanServiceMs).toBeCloseTo(300, 9);
    for (let i = 3; i < 50; i += 1) serve(300);
    expect(speed.meanServiceMs).toBeCloseTo(300, 9);
    for (let i = 0; i < 10; i += 1) serve(300);
    serve(800);
    expect(speed.meanServiceMs).toBeCloseTo(300 + 500 * 0.02, 9);
  });

  it('learns no tokens from other calls and nothing at all from calls that failed', () => {
    const speed = new LearnedSpeed(ASSUMED);
    const before = speed.snapshot();
    speed.observe(okResult(50, { outcome: 'failed' }), callRequest('c1'));
    speed.observe(okResult(50, { outcome: 'cancelled' }), callRequest('c2'));
    expect(speed.snapshot()).toEqual(before);
    speed.observe(okResult(50, { serviceMs: 70 }), callRequest('c3', { kind: 'service' }));
    expect(speed.value).toMatchObject(ASSUMED);
    expect(speed.meanServiceMs).toBe(70);
    const { outputTokens: _, ...uncounted } = okResult(1, { serviceMs: 70 });
    speed.observe(uncounted, callRequest('c4'));
    expect(speed.value).toMatchObject(ASSUMED);
  });

  it('keeps over a restart what was seen, and not what was only assumed', () => {
    const speed = new LearnedSpeed(ASSUMED);
    speed.observe(okResult(40, { inputTokens: 1_000, serviceMs: 900 }), callRequest('c1'));
    const again = new LearnedSpeed({ inputMs: 0.7, outputMs: 70 });
    again.restore(speed.snapshot());
    expect(again.value.inputMs).toBe(0.7);
    expect(again.value.outputMs).toBeCloseTo(20, 9);
    expect(again.meanServiceMs).toBe(900);
    // One call was observed before the restart, so the next one counts half.
    again.observe(okResult(10, { inputTokens: 0, serviceMs: 100 }), callRequest('c2'));
    expect(again.value.outputMs).toBeCloseTo(15, 9);
    expect(again.meanServiceMs).toBeCloseTo(500, 9);
  });
});

/** What calls of an engine with known speeds teach, whatever their shapes and company. */
import { describe, expect, it } from 'vitest';
import { BackendSpeed } from '../../../../src/core/backends/backend-speed.ts';
import { LearnedSpeed } from '../../../../src/core/backends/learned-speed.ts';
import { queuedInEngine } from '../../../../src/core/backends/queued-in-engine.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { callRequest, okResult } from '../../../dispatch-builders.ts';

const ASSUMED = { inputMs: 0.1, outputMs: 25 };
const TRUE = { inputMs: 1.6, outputMs: 20 };
const SHAPES = [
  [4_000, 5],
  [40, 250],
] as const;

/** Learns from `count` calls; `noise`: relative spread of their times. */
function learned(
  count: number,
  noise: number,
  result: (input: number, output: number, ms: (input: number, output: number) => number) => object,
) {
  const speed = new LearnedSpeed(ASSUMED);
  const random = seededRandom(7);
  for (let i = 0; i < count; i += 1) {
    const [input, output] = SHAPES[i % 2] ?? SHAPES[0];
    const factor = 1 + noise * (random() - 0.5);
    const ms = (x: number, y: number) => factor * (x * TRUE.inputMs + y * TRUE.outputMs);
    speed.observe(
      okResult(output, { inputTokens: input, ...result(input, output, ms) }),
      callRequest('c'),
    );
  }
  return speed.value;
}

function expectNear(value: number, wanted: number): void {
  expect(value / wanted).toBeGreaterThan(0.75);
  expect(value / wanted).toBeLessThan(1.33);
}

describe('plain answers', () => {
  it.each([0, 0.5])('tell prefill and decoding apart (noise %j)', (noise) => {
    const value = learned(40, noise, (x, y, ms) => ({ serviceMs: ms(x, y) }));
    expectNear(value.inputMs, TRUE.inputMs);
    expectNear(value.outputMs, TRUE.outputMs);
  });

  it('of one shape leave the prefill as it is assumed', () => {
    const speed = new LearnedSpeed(ASSUMED);
    for (let i = 0; i < 40; i += 1) {
      speed.observe(okResult(100, { inputTokens: 1_000, serviceMs: 2_600 }), callRequest('c'));
    }
    expect(speed.value.inputMs).toBeCloseTo(0.1, 6);
    expect(speed.value.outputMs).toBeCloseTo(25, 6);
  });

  it('are not misled by a few that stalled', () => {
    let i = 0;
    const value = learned(40, 0, (x, y, ms) => {
      i += 1;
      return { serviceMs: ms(x, y) * (i % 9 === 0 ? 10 : 1) };
    });
    expect(value.inputMs / TRUE.inputMs).toBeLessThan(1.6);
    expect(value.outputMs / TRUE.outputMs).toBeLessThan(1.6);
  });
});

describe('streams beside others', () => {
  it('wait for the prefills of those, which is no time of their own input', () => {
    const random = seededRandom(3);
    const value = learned(50, 0, (x, y, ms) => {
      const firstByteMs = ms(x, 1) + 8_000 * random();
      return { firstByteMs, serviceMs: firstByteMs + ms(0, y - 1) };
    });
    expectNear(value.inputMs, TRUE.inputMs);
    expectNear(value.outputMs, TRUE.outputMs);
    expect(value.callMs).toBeGreaterThan(2_000);
  });
});

describe('what the engine tells', () => {
  it('do not make a token faster than it is where short prompts come beside long ones', () => {
    const speed = new LearnedSpeed(ASSUMED);
    for (let i = 0; i < 48; i += 1) {
      const isLong = i % 2 === 0;
      const input = isLong ? 900 : 40;
      // One batch computes both prompts; every sixth long one is alone in it.
      const batch = isLong ? (i % 12 === 0 ? 900 : 1_300) : 900;
      const own = { prefillMs: 0.5 * batch, decodeMs: 100, serviceMs: 0.5 * batch + 100 };
      speed.observe(okResult(20, { inputTokens: input, ...own }), callRequest('c'));
    }
    expect(speed.value.inputMs).toBeGreaterThan(0.4);
    expect(speed.value.inputMs).toBeLessThan(0.75);
  });

  it('is followed on a machine whose speed varies, where short prompts take half of a long one', () => {
    // As measured at a llama-server: four clients, two of them with long prompts, beside other load.
    const random = seededRandom(11);
    const told: number[] = [];
    const speed = new LearnedSpeed(ASSUMED);
    for (let i = 0; i < 32; i += 1) {
      const [input, output] = i % 2 === 0 ? [900, 5] : [60, 120];
      const prefillMs = (i % 2 === 0 ? 810 : 420) * (0.55 + 0.9 * random());
      if (i % 2 === 0) told.push(prefillMs / input);
      const own = { prefillMs, decodeMs: output * 4, serviceMs: prefillMs + output * 4 };
      speed.observe(okResult(output, { inputTokens: input, ...own }), callRequest('c'));
    }
    const median = told.sort((a, b) => a - b)[8] ?? 0;
    expect(speed.value.inputMs / median).toBeGreaterThan(0.85);
    expect(speed.value.inputMs / median).toBeLessThan(1.15);
  });

  it('of its own times counts, and not what the call waited there', () => {
    const value = learned(20, 0, (x, y, ms) => ({
      ...{ prefillMs: ms(x, 0), decodeMs: ms(0, y), serviceMs: 5 * ms(x, y) },
    }));
    expectNear(value.inputMs, TRUE.inputMs);
    expectNear(value.outputMs, TRUE.outputMs);
  });

  it('of cached tokens is taken off the input', () => {
    const speed = new LearnedSpeed(ASSUMED);
    for (let i = 0; i < 20; i += 1) {
      const firstByteMs = 500 * TRUE.inputMs + TRUE.outputMs;
      speed.observe(
        okResult(10, {
          inputTokens: 4_500,
          cachedTokens: 4_000,
          firstByteMs,
          serviceMs: firstByteMs + 9 * TRUE.outputMs,
        }),
        callRequest('c'),
      );
    }
    expectNear(speed.value.inputMs, TRUE.inputMs);
  });
});

it('calls without output are learned by input', () => {
  const speed = new LearnedSpeed(ASSUMED);
  for (let i = 0; i < 30; i += 1) {
    speed.observe(okResult(0, { inputTokens: 4_090, serviceMs: 2_045 }), callRequest('e'));
  }
  expect(speed.value.inputMs).toBeCloseTo(0.5, 6);
  expect(speed.value.outputMs).toBe(ASSUMED.outputMs);
});

it('answers to one call are decoded beside each other', () => {
  const speed = new LearnedSpeed(ASSUMED);
  const request = callRequest('n', { sequences: 3 });
  for (let i = 0; i < 20; i += 1) {
    speed.observe(okResult(300, { inputTokens: 0, serviceMs: 2_000 }), request);
  }
  expect(speed.value.outputMs).toBeCloseTo(20, 6);
});

it('a restart keeps the speeds', () => {
  const speed = new BackendSpeed(ASSUMED, [{ id: 'a', slots: 4 }]);
  for (let i = 0; i < 40; i += 1) {
    const [input, output] = SHAPES[i % 2] ?? SHAPES[0];
    const serviceMs = input * TRUE.inputMs + output * TRUE.outputMs;
    speed.observe(okResult(output, { inputTokens: input, serviceMs }), callRequest('c'), 'a', 4);
  }
  const again = new BackendSpeed(ASSUMED, [{ id: 'a', slots: 4 }]);
  again.restore(JSON.parse(JSON.stringify(speed.snapshot())));
  expect(again.value.inputMs).toBeCloseTo(TRUE.inputMs, 3);
  expect(again.value.outputMs).toBeCloseTo(TRUE.outputMs, 2);
});

describe('calls that wait in the engine', () => {
  const times = { prefillMs: 500, decodeMs: 1_500 };
  it.each([
    ['four slots for sixteen calls', { ...times, serviceMs: 8_000 }, 16, 12],
    ['the same of a stream', { ...times, serviceMs: 9_000, firstByteMs: 6_500 }, 16, 12],
    [
      'a stream whose client reads slowly',
      { ...times, serviceMs: 60_000, firstByteMs: 520 },
      16,
      0,
    ],
    ['a slow network', { ...times, serviceMs: 2_300 }, 16, 0],
    ['a call alone', { ...times, serviceMs: 60_000 }, 1, 0],
    ['an engine that tells nothing', { serviceMs: 60_000 }, 16, undefined],
  ])('are seen by its own times: %s', (_name, result, running, waiting) => {
    expect(queuedInEngine(okResult(10, result), running)).toBe(waiting);
  });
});

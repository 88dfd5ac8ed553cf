import { describe, expect, it } from 'vitest';
import { UsualWait } from '../../../../src/core/backends/usual-wait.ts';
import type { CallResult } from '../../../../src/core/runs/call-result.ts';

function result(fields: Partial<CallResult>): CallResult {
  return { outcome: 'ok', endpointFault: false, cold: false, serviceMs: 1_000, ...fields };
}

/** What is known after ten calls of 25 ms a token, with 40 to 400 tokens. */
function known(): UsualWait {
  const wait = new UsualWait();
  for (let i = 1; i <= 10; i += 1) {
    wait.observe(result({ outputTokens: 40 * i, serviceMs: 1_000 * i }));
  }
  return wait;
}

describe('the time for which a call was held', () => {
  it('is what its first byte took beyond the usual, by its input', () => {
    const wait = new UsualWait();
    for (let i = 0; i < 5; i += 1) wait.observe(result({ firstByteMs: 200, inputTokens: 100 }));
    expect(wait.heldMs(result({ firstByteMs: 30_200, inputTokens: 100 }))).toBeCloseTo(30_000);
    expect(wait.heldMs(result({ firstByteMs: 2_000, inputTokens: 1_000 }))).toBe(0);
  });

  it('does not show in an answer in one piece that is long because of its tokens', () => {
    expect(known().heldMs(result({ outputTokens: 4_000, serviceMs: 100_000 }))).toBe(0);
  });

  it('shows in one that took far longer than its tokens explain', () => {
    expect(known().heldMs(result({ outputTokens: 40, serviceMs: 61_000 }))).toBeGreaterThan(50_000);
    expect(known().heldMs(result({ outputTokens: 40, serviceMs: 12_000 }))).toBeUndefined();
  });

  it('does not show without tokens: a tool may take any time', () => {
    const wait = new UsualWait();
    for (let i = 0; i < 10; i += 1) wait.observe(result({ serviceMs: 100 }));
    expect(wait.heldMs(result({ serviceMs: 60_000 }))).toBeUndefined();
    expect(wait.isKnown(result({}))).toBe(false);
  });
});

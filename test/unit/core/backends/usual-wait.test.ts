/** A call that is long by itself is not taken for one that the platform held. */
import { describe, expect, it } from 'vitest';
import { UsualWait } from '../../../../src/core/backends/usual-wait.ts';
import type { CallResult } from '../../../../src/core/runs/call-result.ts';

const served = (serviceMs: number, outputTokens?: number): CallResult => ({
  outcome: 'ok',
  endpointFault: false,
  cold: false,
  serviceMs,
  ...(outputTokens === undefined ? {} : { outputTokens }),
});

describe('the usual wait of answers in one piece', () => {
  it('counts the output: a long answer was not held, a slow short one was', () => {
    const wait = new UsualWait();
    for (let i = 0; i < 5; i += 1) wait.observe(served(6_000, 100));
    expect(wait.heldMs(served(40_200, 670))).toBe(0);
    expect(wait.heldMs(served(66_000, 100))).toBe(60_000);
    expect(wait.heldMs(served(12_000, 100))).toBeUndefined();
  });

  it('of calls without tokens, which take any time, says only that they were not held', () => {
    const wait = new UsualWait();
    for (let i = 0; i < 5; i += 1) wait.observe(served(1_000));
    expect(wait.heldMs(served(1_200))).toBe(0);
    expect(wait.heldMs(served(30_000))).toBeUndefined();
  });
});

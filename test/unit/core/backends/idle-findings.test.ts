/** What is found of an endpoint's idle timeout where calls were not served before. */
import { describe, expect, it } from 'vitest';
import { Endpoint } from '../../../../src/core/backends/endpoint.ts';
import type { CallResult } from '../../../../src/core/runs/call-result.ts';
import { okResult } from '../../../dispatch-builders.ts';

const REFUSED: CallResult = {
  ...{ outcome: 'failed', endpointFault: true, cold: false, mayBeCold: true, serviceMs: 50 },
};

/** A call of 50 ms. */
function call(endpoint: Endpoint, at: number, result: CallResult): void {
  endpoint.granted(at, 'k');
  endpoint.released(at + 50, at, 'k');
  endpoint.evidence.observe(result, at, at + 50, { key: 'k', callId: `c${at}` });
}

/** One that served a call at 1 s, was found cold by a call at `coldAt`, and started. */
function foundColdAt(coldAt: number, refusedAt?: number): Endpoint {
  const coldStart = { estimateMs: 10_000, idleTimeoutMs: 60_000 };
  const endpoint = new Endpoint({ id: 'e', slots: 4, coldStart }, 0);
  endpoint.wakes.answered(0);
  call(endpoint, 1_000, okResult(1));
  if (refusedAt !== undefined) call(endpoint, refusedAt, REFUSED);
  call(endpoint, coldAt, REFUSED);
  endpoint.wakes.begin({ cause: 'demand', at: coldAt + 50, reason: 'a call', probability: 1 });
  endpoint.wakes.answered(coldAt + 10_050, { tookMs: 10_000, refusals: 20 });
  return endpoint;
}

describe('an endpoint that is found cold', () => {
  it('was cold after the time since it served a call', () => {
    const { learned } = foundColdAt(40_000).learning;
    expect(learned?.idleTimeout).toMatchObject({ observations: 1 });
    expect(learned?.idleTimeout.coldAfterMs).toBeCloseTo(38_950, -2);
  });

  it('teaches no idle time where it went cold in the midst of work, and refused calls since', () => {
    // Two evictions under load were learned as a timeout of eight seconds, with as many pings.
    const { learned } = foundColdAt(8_800, 1_100).learning;
    expect(learned?.idleTimeout.observations).toBe(0);
    expect(learned?.coldStart.observations).toBe(1);
  });
});

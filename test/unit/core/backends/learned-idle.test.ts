/** Idle timeouts: the configured one at first, then as observed at the endpoint, within bounds. */
import { describe, expect, it } from 'vitest';
import { Endpoint } from '../../../../src/core/backends/endpoint.ts';
import type { EndpointSpec, Wake } from '../../../../src/core/backends/endpoint-state.ts';
import { LearnedIdle } from '../../../../src/core/backends/learned-idle.ts';

const SPEC: EndpointSpec = {
  id: 'e1',
  slots: 2,
  coldStart: { estimateMs: 10_000, idleTimeoutMs: 60_000 },
};

const wakeAt = (at: number): Wake => ({ cause: 'demand', at, reason: 'a call', probability: 1 });

/** An endpoint that has been warm since 0 and has had one cold start of 10 s. */
function warmEndpoint(): Endpoint {
  const endpoint = new Endpoint(SPEC, -10_000);
  endpoint.beginWake(wakeAt(-10_000));
  endpoint.becameWarm(0, 10_000);
  return endpoint;
}

describe('LearnedIdle', () => {
  it('is what is configured until something was seen', () => {
    expect(new LearnedIdle().ms(60_000)).toBe(60_000);
  });

  it('shrinks below the time after which it was seen cold, and never grows by that', () => {
    const idle = new LearnedIdle();
    idle.wasCold(30_000, 60_000);
    expect(idle.ms(60_000)).toBe(27_000);
    idle.wasCold(50_000, 60_000);
    expect(idle.ms(60_000)).toBe(27_000);
  });

  it('treats a cold answer right after a call as a crash', () => {
    const idle = new LearnedIdle();
    idle.wasCold(500, 60_000);
    expect(idle.ms(60_000)).toBe(60_000);
  });

  it('grows to at most twice by one observation and to four times the configured in all', () => {
    const idle = new LearnedIdle();
    idle.wasWarm(1e9, 60_000);
    expect(idle.ms(60_000)).toBe(120_000);
    idle.wasWarm(130_000, 60_000);
    expect(idle.ms(60_000)).toBe(130_000);
    idle.wasWarm(1e9, 60_000);
    idle.wasWarm(1e9, 60_000);
    expect(idle.ms(60_000)).toBe(240_000);
    expect(idle.isLongest(60_000)).toBe(true);
  });

  it('recovers from a crash that looked like a timeout', () => {
    const idle = new LearnedIdle();
    idle.wasCold(1_100, 60_000);
    expect(idle.ms(60_000)).toBe(1_000);
    for (let i = 0; i < 6; i += 1) idle.wasWarm(60_000, 60_000);
    expect(idle.ms(60_000)).toBe(60_000);
  });
});

describe('an endpoint', () => {
  it('that answers cold while it was thought warm has a shorter timeout', () => {
    const endpoint = warmEndpoint();
    endpoint.granted(40_000);
    endpoint.inFlight -= 1;
    endpoint.lastActiveAt = 40_010;
    endpoint.answeredCold(40_000, 40_010);
    expect(endpoint.state).toBe('cold');
    // Nothing is learned before the wake confirms that the endpoint was cold.
    expect(endpoint.idleTimeoutMs).toBe(60_000);
    endpoint.beginWake(wakeAt(40_020));
    endpoint.becameWarm(50_020, 10_000);
    expect(endpoint.idleTimeoutMs).toBe(36_000);
  });

  it('whose wake is answered at once was not cold: nothing is learned, and the key is doubted', () => {
    const endpoint = warmEndpoint();
    endpoint.granted(40_000, 'a');
    endpoint.released(40_010, 40_000, 'a');
    expect(endpoint.answeredCold(40_000, 40_010, 'a')).toBe(true);
    endpoint.beginWake(wakeAt(40_020));
    endpoint.becameWarm(40_023, 3);
    expect(endpoint.idleTimeoutMs).toBe(60_000);
    expect(endpoint.coldStartMs).toBe(10_000);
    // The same key is not believed a second time; another key is.
    endpoint.granted(41_000, 'a');
    endpoint.released(41_010, 41_000, 'a');
    expect(endpoint.answeredCold(41_000, 41_010, 'a')).toBe(false);
    expect(endpoint.state).toBe('warm');
    endpoint.granted(42_000, 'b');
    endpoint.released(42_010, 42_000, 'b');
    expect(endpoint.answeredCold(42_000, 42_010, 'b')).toBe(true);
  });

  it('is not cold by the answer to one call while others run or were served since', () => {
    const endpoint = warmEndpoint();
    endpoint.granted(40_000);
    endpoint.granted(40_000);
    endpoint.released(40_010, 40_000);
    expect(endpoint.answeredCold(40_000, 40_010)).toBe(false);
    endpoint.released(40_020, 40_000);
    endpoint.succeeded(40_020);
    expect(endpoint.answeredCold(40_000, 40_030)).toBe(false);
    expect(endpoint.state).toBe('warm');
  });

  it('that answers at once although it was considered cold has a longer timeout, and no short cold start', () => {
    const endpoint = warmEndpoint();
    endpoint.elapse(60_000);
    expect(endpoint.state).toBe('cold');
    endpoint.beginWake(wakeAt(100_000));
    endpoint.becameWarm(100_300, 300);
    expect(endpoint.idleTimeoutMs).toBe(100_000);
    expect(endpoint.coldStartMs).toBe(10_000);
  });

  it('that was seen cold and then wakes quickly has a quick cold start', () => {
    const endpoint = warmEndpoint();
    endpoint.becameCold();
    endpoint.beginWake(wakeAt(100_000));
    endpoint.becameWarm(100_300, 300);
    expect(endpoint.idleTimeoutMs).toBe(60_000);
    expect(endpoint.snapshot().coldStartsMs).toEqual([10_000, 300]);
  });

  it('keeps a quick cold start if no timeout could explain it', () => {
    const endpoint = warmEndpoint();
    for (let i = 1; i <= 8; i += 1) {
      endpoint.elapse(i * 1_000_000);
      endpoint.beginWake(wakeAt(i * 1_000_000 + 500_000));
      endpoint.becameWarm(i * 1_000_000 + 500_300, 300);
    }
    expect(endpoint.idleTimeoutMs).toBe(240_000);
    expect(endpoint.snapshot().coldStartsMs).toContain(300);
  });

  it('is not cold again by the late answer to a call from before its wake', () => {
    const endpoint = warmEndpoint();
    endpoint.granted(40_000);
    endpoint.released(40_010, 40_000);
    endpoint.answeredCold(40_000, 40_010);
    endpoint.beginWake(wakeAt(40_100));
    endpoint.answeredCold(40_000, 40_200);
    expect(endpoint.state).toBe('warming');
    endpoint.becameWarm(50_000, 9_900);
    endpoint.answeredCold(40_000, 50_010);
    expect(endpoint.state).toBe('warm');
  });

  it('knows what it learned after a restart', () => {
    const endpoint = warmEndpoint();
    endpoint.granted(40_000);
    endpoint.released(40_010, 40_000);
    endpoint.answeredCold(40_000, 40_010);
    endpoint.beginWake(wakeAt(40_020));
    endpoint.becameWarm(50_020, 10_000);
    const again = new Endpoint(SPEC, 0);
    again.restore(JSON.parse(JSON.stringify(endpoint.snapshot())));
    expect(again.idleTimeoutMs).toBe(36_000);
    expect(again.coldStartMs).toBe(10_000);
  });
});

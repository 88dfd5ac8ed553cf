/** When a circuit breaker lets calls through to an endpoint. */
import { describe, expect, it } from 'vitest';
import { CircuitBreaker } from '../../../../src/core/backends/circuit-breaker.ts';

function failed(times: number, now = 0): CircuitBreaker {
  const breaker = new CircuitBreaker();
  for (let i = 0; i < times; i += 1) breaker.failed(now, now - 1);
  return breaker;
}

describe('CircuitBreaker', () => {
  it('opens after three faults in a row, and not after two', () => {
    expect(failed(2).stateAt(0)).toBe('closed');
    expect(failed(3).stateAt(0)).toBe('open');
    expect(failed(3).admits(0)).toBe(false);
    const mended = failed(2);
    mended.succeeded();
    mended.failed(0, -1);
    expect(mended.stateAt(0)).toBe('closed');
  });

  it('lets exactly one call try it when the pause is over', () => {
    const breaker = failed(3);
    expect(breaker.stateAt(499)).toBe('open');
    expect(breaker.stateAt(500)).toBe('half-open');
    expect(breaker.admits(500)).toBe(true);
    breaker.sent(500);
    expect(breaker.admits(500)).toBe(false);
    breaker.succeeded();
    expect(breaker.stateAt(500)).toBe('closed');
    expect(breaker.admits(500)).toBe(true);
  });

  it('pauses twice as long each time that the try fails, up to 30 s', () => {
    const breaker = failed(3);
    let now = 500;
    for (const pauseMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      breaker.sent(now);
      breaker.failed(now, now);
      expect(breaker.openUntil).toBe(now + pauseMs);
      now = breaker.openUntil;
      expect(breaker.stateAt(now)).toBe('half-open');
    }
  });

  it('lets another trial call through if the first gave no information about the endpoint', () => {
    const breaker = failed(3);
    breaker.sent(500);
    breaker.over(500);
    expect(breaker.admits(500)).toBe(true);
  });

  it('opens once for the faults of all calls that ran at the same time', () => {
    const breaker = failed(3, 100);
    for (let i = 0; i < 13; i += 1) breaker.failed(101, 90);
    expect(breaker.openUntil).toBe(600);
    // The ends of earlier calls do not let a second trial call through either.
    breaker.sent(600);
    breaker.over(90);
    breaker.failed(601, 90);
    expect(breaker.admits(601)).toBe(false);
    breaker.failed(610, 600);
    expect(breaker.openUntil).toBe(1_610);
  });

  it('holds to a pause that was asked for though other calls there end well', () => {
    const breaker = failed(3);
    breaker.pause(0, 20_000);
    breaker.succeeded();
    expect(breaker.stateAt(19_999)).toBe('open');
    expect(breaker.stateAt(20_000)).toBe('closed');
  });

  it('stays open for as long as the endpoint asks, 30 s at most, without counting a fault', () => {
    const breaker = new CircuitBreaker();
    breaker.pause(100, 2_000);
    expect(breaker.stateAt(2_099)).toBe('open');
    expect(breaker.stateAt(2_100)).toBe('closed');
    breaker.pause(100, 1e9);
    expect(breaker.openUntil).toBe(30_100);
  });
});

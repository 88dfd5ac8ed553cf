/**
 * When an endpoint that scales to zero is cold, warming and warm, and the time that is paid for.
 */
import { describe, expect, it } from 'vitest';
import { ColdState } from '../../../../scripts/gpu/cold-state.ts';

const settings = { coldStartMs: 100, idleTimeoutMs: 1_000 };

describe('an endpoint without a cold start', () => {
  it('is always warm and never starts', () => {
    const cold = new ColdState(undefined);
    expect(cold.stateAt(0)).toBe('warm');
    expect(cold.touch(5)).toBe(5);
    expect(cold.stateAt(1e9)).toBe('warm');
    expect(cold.starts).toBe(0);
  });
});

describe('an endpoint that scales to zero', () => {
  it('starts cold and stays so until something reaches it', () => {
    const cold = new ColdState(settings);
    expect(cold.stateAt(0)).toBe('cold');
    expect(cold.stateAt(1e6)).toBe('cold');
    expect(cold.warmMsUntil(1e6)).toBe(0);
  });

  it('is warm one cold start after the first touch, also for those that come meanwhile', () => {
    const cold = new ColdState(settings);
    expect(cold.touch(50)).toBe(150);
    expect(cold.touch(120)).toBe(150);
    expect(cold.stateAt(149)).toBe('warming');
    expect(cold.stateAt(150)).toBe('warm');
    expect(cold.starts).toBe(1);
  });

  it('serves at once when it is warm', () => {
    const cold = new ColdState(settings);
    cold.touch(0);
    expect(cold.touch(400)).toBe(400);
  });

  it('goes cold when its idle timeout has passed since the last call ended', () => {
    const cold = new ColdState(settings);
    cold.serviceStarted(cold.touch(0));
    cold.serviceEnded(300);
    expect(cold.stateAt(1_299)).toBe('warm');
    expect(cold.stateAt(1_300)).toBe('cold');
  });

  it('does not go cold while a call is in service, however long that takes', () => {
    const cold = new ColdState(settings);
    cold.serviceStarted(cold.touch(0));
    expect(cold.stateAt(50_000)).toBe('warm');
    cold.serviceEnded(60_000);
    expect(cold.stateAt(60_999)).toBe('warm');
    expect(cold.stateAt(61_000)).toBe('cold');
  });

  it('counts the idle time from the last of several calls', () => {
    const cold = new ColdState(settings);
    cold.serviceStarted(cold.touch(0));
    cold.serviceStarted(cold.touch(200));
    cold.serviceEnded(300);
    expect(cold.stateAt(5_000)).toBe('warm');
    cold.serviceEnded(6_000);
    expect(cold.stateAt(7_000)).toBe('cold');
  });

  it('is kept warm by pings', () => {
    const cold = new ColdState(settings);
    cold.touch(0);
    for (let now = 900; now <= 9_000; now += 900) expect(cold.touch(now)).toBe(now);
    expect(cold.stateAt(9_999)).toBe('warm');
    expect(cold.stateAt(10_000)).toBe('cold');
    expect(cold.starts).toBe(1);
  });

  it('starts again from cold, exactly at the idle timeout too', () => {
    const cold = new ColdState(settings);
    cold.serviceStarted(cold.touch(0));
    cold.serviceEnded(300);
    expect(cold.touch(1_300)).toBe(1_400);
    expect(cold.starts).toBe(2);
  });
});

describe('warm time', () => {
  it('counts warming and idling, not the time that it was cold', () => {
    const cold = new ColdState(settings);
    cold.serviceStarted(cold.touch(1_000));
    expect(cold.warmMsUntil(1_050)).toBe(50);
    cold.serviceEnded(1_300);
    expect(cold.warmMsUntil(2_000)).toBe(1_000);
    expect(cold.warmMsUntil(9_000)).toBe(1_300);
    cold.serviceStarted(cold.touch(10_000));
    expect(cold.warmMsUntil(10_400)).toBe(1_700);
  });

  it('does not depend on how often somebody looks', () => {
    const looked = new ColdState(settings);
    const left = new ColdState(settings);
    for (const cold of [looked, left]) {
      cold.serviceStarted(cold.touch(0));
      cold.serviceEnded(500);
    }
    for (let now = 500; now < 4_000; now += 7) looked.stateAt(now);
    expect(looked.warmMsUntil(4_000)).toBe(left.warmMsUntil(4_000));
  });
});

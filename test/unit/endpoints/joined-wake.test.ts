/** One loop for all orders of a wake: how long it asks, and to which order it reports. */
import { describe, expect, it } from 'vitest';
import { JoinedWake } from '../../../src/endpoints/joined-wake.ts';

const FAILED = { ok: false, tookMs: 30_000, refusals: 10 };
const WARM = { ok: true, tookMs: 5_000, refusals: 2 };

describe('a wake that orders join', () => {
  it('asks for as long as the newest order has left', () => {
    const wake = new JoinedWake('first', 0);
    expect(wake.ask(30_000, 4_000)).toBe(26_000);
    wake.join('second', 20_000);
    expect(wake.ask(60_000, 30_000)).toBe(50_000);
    expect(wake.order).toBe('second');
  });

  it('asks for a moment in any case, and for no longer when the clock goes back', () => {
    const wake = new JoinedWake('first', 100_000);
    expect(wake.ask(30_000, 200_000)).toBe(1_000);
    expect(wake.ask(30_000, 0)).toBe(30_000);
  });

  it('asks again where an order came meanwhile, and reports to that one', () => {
    const wake = new JoinedWake('first', 0);
    wake.ask(30_000, 0);
    wake.join('second', 29_000);
    expect(wake.ended(FAILED, 30_000)).toBeUndefined();
    wake.ask(30_000, 30_000);
    expect(wake.ended(WARM, 35_000)).toEqual({ ok: true, tookMs: 6_000, refusals: 12 });
  });

  it('reports a failure that no order came after', () => {
    const wake = new JoinedWake('first', 0);
    wake.ask(30_000, 0);
    expect(wake.ended(FAILED, 30_000)).toEqual(FAILED);
  });

  it('ends also where it could not even ask for the order that joined', () => {
    const wake = new JoinedWake('first', 0);
    wake.join('second', 1);
    const notAsked = { ok: false, tookMs: 0, refusals: 0 };
    expect(wake.ended(notAsked, 2)).toBeUndefined();
    expect(wake.ended(notAsked, 3)).toEqual(notAsked);
  });

  it('tells the time in which nobody watched over several askings', () => {
    const wake = new JoinedWake('first', 0);
    const lost = {
      ok: false,
      tookMs: 30_000,
      refusals: 9,
      unnoticedMs: 20_000,
      unansweredMs: 10_000,
    };
    for (const at of [30_000, 60_000]) {
      wake.join('next', at - 1);
      wake.ended(at === 30_000 ? lost : { ...lost, unnoticedMs: 30_000 }, at);
    }
    const found = wake.ended({ ok: true, tookMs: 50, refusals: 0 }, 60_050);
    expect(found).toMatchObject({ unnoticedMs: 50_050, unansweredMs: 10_050 });
  });

  it('tells none where the last asking was watched', () => {
    const wake = new JoinedWake('first', 0);
    wake.join('next', 29_999);
    wake.ended({ ok: false, tookMs: 30_000, refusals: 9, unnoticedMs: 20_000 }, 30_000);
    expect(wake.ended(WARM, 35_000)).not.toHaveProperty('unnoticedMs');
  });

  it.each([3_600_000, -3_600_000])('counts no leap of the clock (%i ms)', (leapMs) => {
    const wake = new JoinedWake('first', 10_000_000);
    wake.ask(60_000, 10_000_000);
    expect(wake.ended(WARM, 10_005_000 + leapMs)?.tookMs).toBe(5_000);
  });
});

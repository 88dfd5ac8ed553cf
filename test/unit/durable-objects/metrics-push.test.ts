import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MetricsPush } from '../../../durable-objects/metrics-push.ts';
import type { StoredFigures } from '../../../src/protocol/metrics.ts';

beforeEach(() => vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** An object whose only count is `state.count`, and a register that fails while `state.isDown`. */
function pushing() {
  const state = { count: 0, isDown: false, taken: 0, isEmpty: false };
  const put: Array<StoredFigures & { at: number }> = [];
  const forgotten: string[] = [];
  const shard = {
    put: async (figures: StoredFigures, at: number) => {
      if (state.isDown) throw new Error('the register is gone');
      put.push({ ...figures, at });
    },
    forget: async (tenant: string) => void forgotten.push(tenant),
  };
  const push = new MetricsPush({
    register: { getByName: () => shard },
    tenant: 't',
    of: 'tenant',
    figures: (now) => {
      state.taken += 1;
      if (state.isEmpty) return undefined;
      const samples = { talaria_object_steps_total: [[[], state.count] as const] };
      return { startedAt: 0, at: now, samples };
    },
    waitUntil: (promise) => void promise,
  });
  const counts = () => put.map(({ text }) => JSON.parse(text).samples.talaria_object_steps_total);
  return { state, push, put, forgotten, counts };
}

describe('figures', () => {
  it('are brought some seconds after a change, and then once a minute while there are more', async () => {
    const { state, push, put } = pushing();
    for (let second = 0; second < 180; second += 1) {
      state.count += 1;
      push.changed();
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(put.map(({ at }) => (at - 1_000_000) / 1_000)).toEqual([5, 65, 125]);
  });

  it('are brought a last time after the last change, and not again', async () => {
    const { state, push, counts } = pushing();
    push.changed();
    await vi.advanceTimersByTimeAsync(6_000);
    state.count = 9;
    push.changed();
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(counts()).toEqual([[[[], 0]], [[[], 9]]]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('are brought whole after the register could not be reached', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const { state, push, counts } = pushing();
    state.isDown = true;
    push.changed();
    await vi.advanceTimersByTimeAsync(6_000);
    state.isDown = false;
    state.count = 2;
    push.changed();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(counts()).toEqual([[[[], 2]]]);
  });

  it('are not brought where there are none, or after the tenant was deleted', async () => {
    const { state, push, put, forgotten } = pushing();
    state.isEmpty = true;
    push.changed();
    await vi.advanceTimersByTimeAsync(6_000);
    state.isEmpty = false;
    push.changed();
    await push.forget();
    await vi.advanceTimersByTimeAsync(600_000);
    expect([put, forgotten]).toEqual([[], ['t']]);
    // A tenant of the same name is made anew.
    push.changed();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(put).toHaveLength(1);
  });

  it('are brought within a minute after the clock went back', async () => {
    const { push, put } = pushing();
    push.changed();
    await vi.advanceTimersByTimeAsync(6_000);
    vi.setSystemTime(0);
    push.changed();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(put).toHaveLength(2);
  });

  it('are taken once for scrapes that come together', () => {
    const { state, push } = pushing();
    const texts = Array.from({ length: 20 }, () => push.text(1_000_000));
    expect(new Set(texts).size).toBe(1);
    expect(state.taken).toBe(1);
    push.text(1_001_000);
    expect(state.taken).toBe(2);
  });
});

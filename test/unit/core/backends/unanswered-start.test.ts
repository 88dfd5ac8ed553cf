import { describe, expect, it } from 'vitest';
import { StartWatch } from '../../../../src/core/backends/start-watch.ts';

const KNOWN = { coldStartMs: 20_000, idleTimeoutMs: 60_000 };

/** A wake after a call that was held for two minutes and got no answer. */
function watched(): StartWatch {
  const watch = new StartWatch();
  const held = { idleMs: 300_000, unansweredMs: 120_000 };
  watch.begin({ from: 'claimed', ...held, at: 1_000_000, patienceMs: 60_000 });
  return watch;
}

describe('a start that began with a call that got no answer in time', () => {
  it('is measured from that call', () => {
    const lesson = watched().answered(24_000, 0, KNOWN);
    expect(lesson).toMatchObject({ startMs: 144_000, coldAfterMs: 300_000 });
  });

  it('is measured from it also where the first wake was given up', () => {
    const watch = watched();
    watch.giveUp(1_060_000);
    watch.begin({ from: 'failed', at: 1_070_000, patienceMs: 120_000 });
    expect(watch.answered(10_000, 3, KNOWN)).toMatchObject({ startMs: 200_000 });
  });

  it('is none where the wake is answered at once: the endpoint was only slow', () => {
    expect(watched().answered(300, 0, KNOWN)).toEqual({ wasUp: true });
  });
});

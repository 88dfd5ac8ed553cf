import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { onAbort } from '../../../src/http/on-abort.ts';

describe('onAbort', () => {
  it('acts once when the signal is aborted', () => {
    const controller = new AbortController();
    let acted = 0;
    onAbort(controller.signal, () => (acted += 1), new Promise(() => {}));
    expect(acted).toBe(0);
    controller.abort();
    expect(acted).toBe(1);
  });

  it('acts at once where it is aborted already', () => {
    let acted = 0;
    onAbort(AbortSignal.abort(), () => (acted += 1), new Promise(() => {}));
    expect(acted).toBe(1);
  });

  it.each([
    ['has resolved', () => Promise.resolve()],
    ['was rejected', () => Promise.reject(new Error('broken'))],
  ])('leaves no listener and does not act once the call %s', async (_, end) => {
    const controller = new AbortController();
    let acted = 0;
    const over = end();
    onAbort(controller.signal, () => (acted += 1), over);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    await over.catch(() => {});
    await Promise.resolve();
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    controller.abort();
    expect(acted).toBe(0);
  });
});

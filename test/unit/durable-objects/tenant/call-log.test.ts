/** Which entry of the call log an id names, whatever request ids other keys choose. */
import { describe, expect, it, vi } from 'vitest';
import { CallLog } from '../../../../durable-objects/tenant/call-log.ts';
import { callRequest } from '../../../dispatch-builders.ts';

function newLog() {
  const log = new CallLog();
  const open = (callId: string, keyId: string, requestId?: string) =>
    log.open(
      {
        call: callRequest(callId),
        keyId,
        version: 1,
        ...(requestId === undefined ? {} : { requestId }),
      },
      {},
    );
  const found = (id: string, keyId?: string) => JSON.parse(log.entryJson(id, keyId) ?? '{}').call;
  return { log, open, found };
}

describe('the entry of a call', () => {
  it('is found by its id, whoever sends that as a request id', () => {
    const { open, found } = newLog();
    open('call-of-b', 'b', 'request-of-b');
    open('call-of-a', 'a', 'call-of-b');
    for (const keyId of ['a', 'b', 'c', undefined])
      expect(found('call-of-b', keyId)).toBe('call-of-b');
  });

  it('is found by the request id of the key that asks, whoever else uses that id', () => {
    const { open, found } = newLog();
    open('b1', 'b', 'request-1');
    open('a1', 'a', 'request-1');
    expect(found('request-1', 'b')).toBe('b1');
    expect(found('request-1', 'a')).toBe('a1');
    open('b2', 'b', 'request-1');
    expect(found('request-1', 'b')).toBe('b2');
    expect(found('request-1', 'a')).toBe('a1');
    // A key that has no call with this request id gets the newest one.
    expect(found('request-1', 'c')).toBe('b2');
    expect(found('request-1')).toBe('b2');
  });

  it('is found by no id that only looks like that of another key', () => {
    const { log, open, found } = newLog();
    open('b1', 'b', 'request-1');
    expect(found('b request-1', 'a')).toBeUndefined();
    log.clear();
    expect(found('b1', 'b')).toBeUndefined();
    expect(found('request-1', 'b')).toBeUndefined();
  });
});

describe('the times of a call', () => {
  const granted = (at: number) => ({
    ...{ type: 'granted', callId: 'c', endpoint: 'e1', grantedAt: at, waitedMs: 5 },
    ...{ coldMs: 0, rankMs: 1 },
  });
  const released = { type: 'released', callId: 'c', cause: 'busy' };

  it('go on while it waits for another attempt, as before the first', () => {
    const { log, open } = newLog();
    open('c', 'k');
    log.observe(granted(1_000) as never, undefined, 1_000);
    log.observe(released as never, {} as never, 2_000);
    expect(log.timesOf('c')).toMatchObject({
      ...{ outcome: 'running', attempts: 1, endpoint: null, grantedAt: null, endedAt: null },
    });
    log.observe(granted(3_000) as never, undefined, 3_000);
    expect(log.timesOf('c')).toMatchObject({ attempts: 2, grantedAt: 3_000, endedAt: null });
  });

  it('end once and for all, also without a slot', () => {
    vi.useFakeTimers({ now: 50_000 });
    const { log, open } = newLog();
    open('c', 'k');
    vi.setSystemTime(60_000);
    log.refused('c', 'queue_full', 1_000);
    vi.setSystemTime(90_000);
    expect(log.timesOf('c')).toMatchObject({ outcome: 'refused', endedAt: 60_000 });
    vi.useRealTimers();
  });
});

/** Which entry of the call log an id names, whatever request ids other keys choose. */
import { describe, expect, it } from 'vitest';
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

/** What a call takes of its key's token limit, for each way to end, and what its log entry says. */
import { describe, expect, it } from 'vitest';
import { CallAccounting } from '../../../../durable-objects/tenant/call-accounting.ts';
import type { DispatchEvent } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { CallResult } from '../../../../src/protocol/admission.ts';
import { callRequest, configOf, okResult } from '../../../dispatch-builders.ts';

const LIMIT = 1_000;

/** The tokens left after a call of 300 tokens that may answer with 50. */
function leftAfter(end: (desk: CallAccounting) => void): number | undefined {
  const desk = new CallAccounting(() => ({ tokens: LIMIT }));
  const call = callRequest('a', { inputTokens: 300, maxOutputTokens: 50 });
  expect(desk.charge({ call, keyId: 'k', version: 1 }, 0)).toBeUndefined();
  expect(desk.log.facts('a')?.gauges?.tokens?.remaining).toBe(LIMIT - 350);
  end(desk);
  desk.charge({ call: callRequest('b', { kind: 'service' }), keyId: 'k', version: 1 }, 0);
  return desk.log.facts('b')?.gauges?.tokens?.remaining;
}

const ended = (result: Partial<CallResult>) => (desk: CallAccounting) =>
  desk.ended('a', { outcome: 'ok', endpointFault: false, cold: false, serviceMs: 1, ...result }, 0);

describe('a key’s tokens', () => {
  it.each<[string, (desk: CallAccounting) => void, number]>([
    ['as the endpoint counts them', (desk) => desk.ended('a', okResult(20), 0), 120],
    ['the input as estimated where it does not', ended({ outputTokens: 20 }), 320],
    ['the same of an answer broken off', ended({ outcome: 'failed', outputTokens: 7 }), 307],
    ['the same of a client that left in mid-stream', ended({ outcome: 'cancelled' }), 300],
    ['none of a call that nobody has read', ended({ outcome: 'failed', endpointFault: true }), 0],
    ['none of one that left the line', (desk) => desk.cancelled('a', false, 0), 0],
    ['the input of one whose Worker died', (desk) => desk.cancelled('a', true, 0), 300],
    ['none of one whose grant could not be stored', (desk) => desk.refund('a', 0), 0],
  ])('are taken %s', (_, end, took) => {
    expect(leftAfter(end)).toBe(LIMIT - took);
  });
});

describe('a call that its key has too few tokens for', () => {
  const charge = (desk: CallAccounting, callId: string, fields: object, choices?: number) =>
    desk.charge(
      {
        call: callRequest(callId, { inputTokens: 300, ...fields }),
        keyId: 'k',
        version: 1,
        ...(choices === undefined ? {} : { choices }),
      },
      0,
    );

  it('is refused with the limit and the time to retry, if it fits later', () => {
    const desk = new CallAccounting(() => ({ tokens: LIMIT }));
    expect(charge(desk, 'a', { maxOutputTokens: 500 })).toBeUndefined();
    const refused = charge(desk, 'b', { maxOutputTokens: 500 });
    expect(refused).toMatchObject({ code: 'rate_limit_exceeded', retryAfterMs: 36_000 });
    expect(refused?.detail).toContain('1000 tokens a minute');
  });

  it('is refused permanently if it never fits, with all the answers that it asks for counted', () => {
    const desk = new CallAccounting(() => ({ tokens: LIMIT }));
    const refused = charge(desk, 'a', { maxOutputTokens: 5_000 });
    expect(refused).toMatchObject({ code: 'request_too_large', retryAfterMs: 0 });
    expect(refused?.detail).toMatch(/5300 tokens.*1000 a minute/);
    expect(charge(desk, 'b', { maxOutputTokens: 100 }, 8)?.code).toBe('request_too_large');
    expect(charge(desk, 'c', { maxOutputTokens: 100 }, 7)).toBeUndefined();
    expect(desk.gauges('k', 0).tokens?.remaining).toBe(0);
  });

  it('runs all the same where it has begun, and its key pays', () => {
    const desk = new CallAccounting(() => ({ tokens: LIMIT }));
    const call = callRequest('a', { inputTokens: 5_000 });
    desk.begun({ call, keyId: 'k', version: 1 }, 0);
    expect(JSON.parse(desk.log.entryJson('a') ?? '{}')).toMatchObject({ state: 'waiting' });
    expect(desk.gauges('k', 0).tokens?.remaining).toBe(0);
    expect(charge(desk, 'b', {})?.code).toBe('rate_limit_exceeded');
  });

  it('does not exist if the call is measured in time', () => {
    const desk = new CallAccounting(() => ({ tokens: 1 }));
    expect(charge(desk, 'a', { kind: 'service', maxOutputTokens: 100 })).toBeUndefined();
  });
});

describe('the log entry of a call', () => {
  it('says that it waits while it waits for another attempt', () => {
    const desk = new CallAccounting(() => ({}));
    const dispatcher = new Dispatcher(configOf(), { random: seededRandom(1) }, 0);
    const state = () => JSON.parse(desk.log.entryJson('a') ?? '{}').state;
    const step = (event: DispatchEvent, now: number) => {
      for (const effect of dispatcher.step([event], now)) {
        desk.observe(effect, dispatcher.call('a'), now);
      }
    };
    const call = callRequest('a');
    desk.charge({ call, keyId: 'k', version: 1 }, 0);
    step({ type: 'submitted', call }, 0);
    expect(state()).toBe('running');
    const busy = okResult(0, { outcome: 'failed', busy: true, retryAfterMs: 5_000 });
    step({ type: 'ended', callId: 'a', result: busy, again: true }, 10);
    expect(state()).toBe('waiting');
    step({ type: 'tick' }, 5_010);
    expect(state()).toBe('running');
    step({ type: 'ended', callId: 'a', result: okResult(1) }, 5_020);
    expect(state()).toBe('ended');
  });
});

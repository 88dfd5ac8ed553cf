import { describe, expect, it } from 'vitest';
import { mayBorrow } from '../../../src/calls/borrowers.ts';
import type { CallRequest } from '../../../src/core/runs/call-request.ts';
import { callRequest } from '../../dispatch-builders.ts';
import { asked, configWith } from '../../loan-builders.ts';

const config = configWith();
const url = 'http://127.0.0.1:9/v1';
const backend = (fields: object, endpoints: object[] = [{ url, slots: 8 }]) =>
  configWith({ backends: { llm: { models: ['m'], endpoints, ...fields } } });
const key = (fields: object) => ({ keys: [{ id: 'k', sha256: 'a'.repeat(64), ...fields }] });
const two = [
  { name: 'a', url, slots: 1 },
  { name: 'b', url: `${url}/b`, slots: 1 },
];

describe('a call that may borrow', () => {
  it('is a plain one of a key without limits', () => {
    expect(mayBorrow(asked('a'), config)).toBe(true);
  });

  it.each<[string, Partial<CallRequest>]>([
    ['is told apart by its conversation', { turn: 1 }],
    ['brings results of tools', { cameBack: ['x'] }],
    ['continues a response', { continues: 'x' }],
    ['is of another session', { parentRunId: 'x' }],
    ['is refused where it is late', { refuseIfLate: true }],
    ['is of a job', { patient: true }],
    ['asks for more than one answer', { sequences: 2 }],
  ])('is none that %s', (_, fields) => {
    expect(mayBorrow(asked('a', { call: callRequest('a', fields) }), config)).toBe(false);
  });

  it('is none that was charged before, or of an unknown key or backend', () => {
    expect(mayBorrow(asked('a', { isCharged: true }), config)).toBe(false);
    expect(mayBorrow(asked('a', { keyId: 'other' }), config)).toBe(false);
    const call = callRequest('a', { backend: 'other' });
    expect(mayBorrow(asked('a', { call }), config)).toBe(false);
  });

  it.each<[string, object]>([
    ['is limited', key({ limits: { requestsPerMinute: 10 } })],
    ['may name some applications only', key({ applications: ['x'] })],
    ['is one of a tenant with limits', { limits: { tokensPerMinute: 10 } }],
    ['is beside an application that is reserved', { applications: { x: { keys: ['k'] } } }],
  ])('has no key that %s', (_, fields) => {
    expect(mayBorrow(asked('a'), configWith(fields))).toBe(false);
  });

  it('names no run where one may have fewer calls than a loan has slots', () => {
    const limited = configWith({ limits: { runCalls: 255 } });
    expect(mayBorrow(asked('a'), limited)).toBe(false);
    const call = callRequest('a', { sole: true });
    expect(mayBorrow(asked('a', { call }), limited)).toBe(true);
    expect(mayBorrow(asked('a'), configWith({ limits: { runCalls: 256 } }))).toBe(true);
  });

  it('has no key that may have fewer open runs than a loan has slots', () => {
    const call = callRequest('a', { sole: true });
    const limited = configWith({ limits: { openRuns: 255 } });
    expect(mayBorrow(asked('a', { call }), limited)).toBe(false);
    expect(mayBorrow(asked('a'), configWith({ limits: { openRuns: 256 } }))).toBe(true);
  });

  it('goes to a backend where any endpoint will do', () => {
    expect(mayBorrow(asked('a'), backend({}, two))).toBe(false);
    expect(mayBorrow(asked('a'), backend({ affinity: 'off' }, two))).toBe(true);
    expect(mayBorrow(asked('a'), backend({ lendSlots: false }))).toBe(false);
    expect(mayBorrow(asked('a'), backend({ prewarm: { prefix: true } }))).toBe(false);
    expect(mayBorrow(asked('a'), configWith({ prewarm: { prefix: true } }))).toBe(false);
  });
});

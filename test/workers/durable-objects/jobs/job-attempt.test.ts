/** The headers of a job's call: its deadline and longest wait never exceed the job's. */
import { describe, expect, it } from 'vitest';
import { attemptJob } from '../../../../durable-objects/jobs/job-attempt.ts';
import type { JobRow } from '../../../../durable-objects/jobs/job-row.ts';

const NOW = 1_000_000;

/** The headers of the call of a job whose deadline is in a minute. */
async function callOf(headers: Record<string, string>, fields: Partial<JobRow> = {}) {
  const job = {
    id: 'job_1',
    keyId: 'k',
    method: 'POST',
    path: '/v1/chat/completions',
    headers,
    deadlineAt: NOW + 60_000,
    ownDeadline: false,
    ...fields,
  } as JobRow;
  let seen = new Headers();
  const runner = {
    fetch: async (request: Request) => {
      seen = request.headers;
      return new Response('{}');
    },
  };
  await attemptJob(runner, {
    job,
    tenant: 't',
    body: new Uint8Array(0),
    maxBytes: 1_000,
    now: NOW,
    signal: new AbortController().signal,
  });
  return seen;
}

describe('the deadline of the call of a job', () => {
  const deadline = async (own: string | undefined, fields: Partial<JobRow> = {}) =>
    (await callOf(own === undefined ? {} : { 'x-talaria-deadline-ms': own }, fields)).get(
      'x-talaria-deadline-ms',
    );

  it('is the rest of the job where that is shorter than what its headers say', async () => {
    expect(await deadline('86400000')).toBe('60000');
    expect(await deadline('86400000', { ownDeadline: true })).toBe('60000');
    expect(await deadline('30000')).toBe('30000');
    expect(await deadline('30000', { ownDeadline: true })).toBe('30000');
  });

  it('is the rest of a deadline of its own, and none where it has none', async () => {
    expect(await deadline(undefined, { ownDeadline: true })).toBe('60000');
    expect(await deadline(undefined)).toBeNull();
    expect(await deadline('soon', { ownDeadline: true })).toBe('soon');
  });

  it('leaves the longest wait within it, too', async () => {
    const wait = async (own: string) =>
      (await callOf({ 'x-talaria-max-wait-ms': own })).get('x-talaria-max-wait-ms');
    expect([await wait('90000'), await wait('1000')]).toEqual(['60000', '1000']);
  });
});

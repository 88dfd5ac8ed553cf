/** A job shows the answer of its call as it came. */
import { describe, expect, it } from 'vitest';
import { jobText } from '../../../src/jobs/job-view.ts';
import type { Job } from '../../../src/protocol/jobs.ts';

const job = (type: string) =>
  ({
    id: 'job_1',
    state: 'completed',
    answer: { status: 200, headers: { 'content-type': type } },
  }) as unknown as Job;

const shown = (body: string | Uint8Array, type = 'application/json') =>
  jobText(job(type), typeof body === 'string' ? new TextEncoder().encode(body) : body);

describe('the answer of a job', () => {
  it('that is JSON keeps its numbers, the order of its fields and those that are repeated', () => {
    const body = '{"b":12345678901234567890, "a":1.0,"a":"$& $1","c":1e400}';
    expect(shown(body)).toContain(
      `"response":{"status_code":200,"headers":{"content-type":"application/json"},"body":${body}}`,
    );
    expect(JSON.parse(shown(body)).response.body.a).toBe('$& $1');
  });

  it.each([
    ['{"cut', 'application/json', { body: '{"cut' }],
    ['', 'application/json', { body: '' }],
    ['text', 'text/plain', { body: 'text' }],
    ['text', '', { body: 'text' }],
    [Uint8Array.of(0xff), 'application/json', { body_base64: '/w==' }],
    ['abc', 'audio/wav', { body_base64: 'YWJj' }],
  ])('%j of type "%s" is shown otherwise', (body, type, expected) => {
    expect(JSON.parse(shown(body, type)).response).toMatchObject(expected);
  });
});

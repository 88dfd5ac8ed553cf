/**
 * Orders of jobs to an object of a version that does not know `impossible`, as during a deployment: what
 * the present one would not take is not kept there either.
 */
import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, expect, it, vi } from 'vitest';
import { app } from '../../../../src/app.ts';
import type { JobsApi, NewJob } from '../../../../src/protocol/jobs.ts';
import { BODY, CHAT, JobsBench } from './jobs-bench.ts';

afterEach(() => vi.restoreAllMocks());

const HEADERS = { 'idempotency-key': 'k' };
const IMPOSSIBLE = { path: CHAT, body: { ...BODY, model: 'none' }, idempotency_key: 'k' };

/** The present object, which is told nothing of `impossible`. */
function earlier(name: string): Pick<JobsApi, 'createJob' | 'dropJob'> {
  const stub = env.JOBS.getByName(name) as unknown as JobsApi;
  return {
    createJob: ({ impossible: _, ...job }: NewJob) => stub.createJob(job),
    dropJob: (id) => stub.dropJob(id),
  };
}

it('are refused, and leave no job, no call and no webhook', async () => {
  const bench = await JobsBench.start();
  const secret = `whsec_${btoa('a'.repeat(32))}`;
  const order = { ...IMPOSSIBLE, webhook: { url: bench.receiver, secret } };
  const ask = () => {
    const request = new Request('http://talaria.test/v1/jobs', {
      method: 'POST',
      headers: { authorization: `Bearer ${bench.key}`, ...HEADERS },
      body: JSON.stringify(order),
    });
    const bindings = { ...env, JOBS: { getByName: earlier } } as unknown as Env;
    return app.fetch(request, bindings, createExecutionContext());
  };
  // As often as it is asked: an order that was not taken is not answered again.
  for (let i = 0; i < 2; i += 1) {
    const told = await ask();
    expect(told.status).toBe(404);
    expect(await told.json()).toMatchObject({ error: { code: 'model_not_found' } });
  }
  expect(await bench.count('SELECT COUNT(*) AS n FROM jobs')).toBe(0);
  expect(bench.calls).toEqual([]);
  expect(bench.webhooks).toEqual([]);
});

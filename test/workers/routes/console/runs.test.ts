/** Runs and calls in the console: lists, search, the waterfall, the story of a call, the trace. */
import { describe, expect, it } from 'vitest';
import type { CallStory, RunStory, RunsPage } from '../../../../src/protocol/console/runs.ts';
import { ask, newTenant, OK } from './bench.ts';

type Tenant = Awaited<ReturnType<typeof newTenant>>;

async function read<T>({ name, key }: Tenant, path: string): Promise<T> {
  const answer = await ask(`/tenants/${name}/${path}`, key);
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

async function serve({ enqueue }: Tenant, callId: string, fields = {}): Promise<void> {
  using call = await enqueue(callId, fields);
  await call.ticket?.report(OK);
}

describe('the list of runs', () => {
  it('has those in flight first, then the recorded ones, each with its state', async () => {
    const tenant = await newTenant();
    await serve(tenant, 'done', { app: 'writer' });
    await serve(tenant, 'between', { app: 'writer', final: false });
    using running = await tenant.enqueue('running', { app: 'reader' });
    using waiting = await tenant.enqueue('waiting', { app: 'reader' });
    const { rows } = await read<RunsPage>(tenant, 'runs');
    expect(Object.fromEntries(rows.map(({ run, state }) => [run, state]))).toEqual({
      waiting: 'waiting',
      running: 'running',
      between: 'between',
      done: 'ended',
    });
    expect(rows.at(-1)).toMatchObject({ run: 'done', calls: 1, inputTokens: 10, outputTokens: 5 });
    const names = async (query: string) =>
      (await read<RunsPage>(tenant, `runs?${query}`)).rows.map(({ run }) => run);
    expect(await names('state=live&app=reader')).toEqual(['waiting', 'running']);
    expect(await names('state=ended')).toEqual(['done']);
    expect(await names('q=DON')).toEqual(['done']);
    expect(await names('q=writ')).toEqual(['between', 'done']);
    expect(await names(`from=${Date.now() + 60_000}&state=ended`)).toEqual([]);
    running.ticket?.[Symbol.dispose]();
    waiting.ticket?.[Symbol.dispose]();
  });

  it('is paged without a gap', async () => {
    const tenant = await newTenant();
    for (let i = 0; i < 130; i += 1) await serve(tenant, `r${i}`);
    const first = await read<RunsPage>(tenant, 'runs?state=ended');
    const second = await read<RunsPage>(tenant, `runs?state=ended&after=${first.after}`);
    expect([first.rows.length, second.rows.length, second.after]).toEqual([100, 30, undefined]);
    const runs = [...first.rows, ...second.rows].map(({ run }) => run);
    expect(runs).toEqual(Array.from({ length: 130 }, (_, i) => `r${129 - i}`));
  });

  it('leads from the id of a call or of a request to its run, also when the log has lost it', async () => {
    const tenant = await newTenant();
    await serve(tenant, 'call-of-it', { runId: 'its-run' });
    expect((await read<RunsPage>(tenant, 'runs?q=call-of-it')).found).toEqual({
      call: 'call-of-it',
      run: 'its-run',
    });
    for (let i = 0; i < 1_001; i += 1) await tenant.stub().enqueue(refusedCall(tenant, i));
    expect((await ask(`/tenants/${tenant.name}/calls/call-of-it`)).status).toBe(404);
    expect((await read<RunsPage>(tenant, 'runs?q=call-of-it')).found?.run).toBe('its-run');
  });

  it.each(['state=x', 'after=x', 'from=yesterday', 'q=', `q=${'x'.repeat(300)}`, 'after=-1'])(
    'refuses the query %j',
    async (query) => {
      const { name } = await newTenant();
      expect((await ask(`/tenants/${name}/runs?${query}`)).status).toBe(400);
    },
  );
});

function refusedCall({ version }: Tenant, i: number) {
  const call = { callId: `n${i}`, runId: `n${i}`, app: 'a', unit: 'u', backend: 'none' };
  const kind = 'llm' as const;
  return {
    ...{ keyId: 'k', version },
    call: { ...call, kind, inputTokens: 1, arrivedAt: Date.now(), final: true },
  };
}

describe('a run', () => {
  it('has a lane for each call with its times, while it runs and when it has ended', async () => {
    const tenant = await newTenant();
    using holder = await tenant.enqueue('holder');
    using one = await tenant.enqueue('one', { runId: 'r', final: false });
    const live = await read<RunStory>(tenant, 'runs/r');
    expect(live).toMatchObject({ state: 'waiting', key: 'k', timing: 'measured' });
    expect(live.lanes).toMatchObject([
      { call: 'one', outcome: 'running', spans: [{ kind: 'waiting', to: null }] },
    ]);
    await holder.ticket?.report(OK);
    await one.ticket?.granted();
    await one.ticket?.report(OK);
    using two = await tenant.enqueue('two', { runId: 'r', unit: 'v', final: true });
    await two.ticket?.report(OK);
    const ended = await read<RunStory>(tenant, 'runs/r');
    expect(ended).toMatchObject({ state: 'ended', timing: 'measured', calls: 2, units: 2 });
    expect(ended.lanes.map(({ call, visit, outcome }) => [call, visit, outcome])).toEqual([
      ['one', 1, 'succeeded'],
      ['two', 2, 'succeeded'],
    ]);
    for (const { spans } of ended.lanes) {
      for (const { from, to } of spans) expect(to).toBeGreaterThan(from);
    }
    expect(ended.tookMs).toBe((ended.endedAt ?? 0) - ended.arrivedAt);
  });

  it('from before times were kept is placed by what is recorded, and says so', async () => {
    const tenant = await newTenant();
    const line = {
      ...{ run: 'old', app: 'a', arrival_ms: 0, finished_ms: 5_000 },
      units: [{ unit: 'u', backend: 'm', calls: [{ input_tokens: 10, output_tokens: 20 }] }],
    };
    await tenant.stub().importRuns(JSON.stringify([line]), 1_000_000);
    const story = await read<RunStory>(tenant, 'runs/old');
    expect(story).toMatchObject({ timing: 'placed', waitedMs: null, tookMs: 5_000 });
    expect(story.lanes).toMatchObject([{ call: null, measured: false, outputTokens: 20 }]);
  });

  it('and a call that nobody knows are not found', async () => {
    const { name } = await newTenant();
    for (const path of ['runs/none', 'calls/none', 'runs/%00%3Cscript%3E']) {
      expect((await ask(`/tenants/${name}/${path}`)).status).toBe(404);
    }
  });
});

it('a call has its story, by its own id and by its request’s', async () => {
  const tenant = await newTenant();
  await serve(tenant, 'told');
  const story = await read<CallStory>(tenant, 'calls/told');
  expect(story).toMatchObject({
    ...{ call: 'told', state: 'ended', app: 'a', run: 'told', unit: 'u', backend: 'm' },
    result: { outcome: 'ok', serviceMs: 100, firstByteMs: 40, outputTokens: 5 },
    attempts: [{ ended: { how: 'ended' } }],
  });
});

it('the trace has a head with the cluster, and the runs by their arrival', async () => {
  const tenant = await newTenant();
  for (const run of ['a', 'b', 'c']) await serve(tenant, run);
  const answer = await ask(`/tenants/${tenant.name}/trace?limit=2`, tenant.key);
  expect(answer.headers.get('content-type')).toBe('application/jsonl');
  const [head, ...runs] = (await answer.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(head).toMatchObject({ talaria_trace: 1, policy: 'gittins', backends: [{ backend: 'm' }] });
  expect(runs.map(({ run }) => run)).toEqual(['b', 'c']);
  expect(runs[0].arrival_ms).toBe(0);
  expect(runs[1].finished_ms).toBeGreaterThanOrEqual(runs[1].arrival_ms);
  expect((await ask(`/tenants/${tenant.name}/trace?limit=0`)).status).toBe(400);
});

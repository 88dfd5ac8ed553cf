/**
 * A real Prometheus (Debian's package `prometheus`) scrapes all tenants, one tenant by name, and one
 * with its own key: it takes every sample, and its queries find the calls that were made.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/raw-workerd.ts';
import { ADMIN_TOKEN } from '../../scripts/stack.ts';
import { type Dispatcher, startDispatcher, until } from './harness.ts';
import { type RecordingEndpoint, startRecordingEndpoint } from './recording-endpoint.ts';

const hasPrometheus = spawnSync('prometheus', ['--version']).status === 0;
if (!hasPrometheus) console.log('Prometheus is not installed (apt-get install prometheus).');
const RULES = fileURLToPath(new URL('../../docs/grafana/talaria.rules.yml', import.meta.url));
const APP = 'says "hello" \\ and {more}';

/** Three jobs: all tenants, one by its name, and one by its key. */
function configFor(target: string, key: string): string {
  const job = (name: string, credentials: string, params: object = {}) => ({
    job_name: name,
    static_configs: [{ targets: [target] }],
    authorization: { credentials },
    params,
  });
  // JSON is YAML.
  return JSON.stringify({
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    rule_files: [RULES],
    scrape_configs: [
      job('all', ADMIN_TOKEN),
      job('named', ADMIN_TOKEN, { tenant: ['scraped'] }),
      job('own', key),
    ],
  });
}

describe.skipIf(!hasPrometheus)('a Prometheus', () => {
  let dispatcher: Dispatcher;
  let endpoint: RecordingEndpoint;
  let folder = '';
  let prometheus: ChildProcess;
  let api = '';

  const get = async (path: string) =>
    (await (await fetch(`${api}/api/v1/${path}`)).json()) as {
      data?: {
        result?: Array<{ metric: Record<string, string>; value: [number, string] }>;
        activeTargets?: Array<{ labels: { job: string }; health: string; lastError: string }>;
      };
    };
  const query = async (promql: string) => {
    const { data } = await get(`query?query=${encodeURIComponent(promql)}`);
    return (data?.result ?? []).map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'talaria-prometheus-'));
    dispatcher = await startDispatcher();
    endpoint = await startRecordingEndpoint();
    endpoint.answer = (_, response) => {
      response.setHeader('content-type', 'application/json');
      response.end('{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}');
    };
    const endpoints = [{ name: 'gpu', url: `${endpoint.url}/v1` }];
    const key = await dispatcher.tenant('scraped', {
      backends: { m: { models: ['m'], endpoints } },
    });
    for (let i = 0; i < 3; i += 1) {
      const answer = await fetch(`${dispatcher.workerd.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'x-talaria-app': APP },
        body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'x' }] }),
      });
      expect([answer.status, await answer.text()]).toEqual([200, expect.any(String)]);
    }
    const file = join(folder, 'prometheus.yml');
    await writeFile(file, configFor(new URL(dispatcher.workerd.url).host, key));
    const port = await freePort();
    api = `http://127.0.0.1:${port}`;
    prometheus = spawn(
      'prometheus',
      [
        ...['--config.file', file, '--storage.tsdb.path', join(folder, 'data')],
        ...['--web.listen-address', `127.0.0.1:${port}`, '--log.level', 'error'],
      ],
      { stdio: 'ignore' },
    );
  });

  afterAll(async () => {
    prometheus?.kill('SIGKILL');
    endpoint?.close();
    await dispatcher?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it.each(['all', 'named', 'own'])('finds the calls by the job "%s"', async (job) => {
    const of = `job="${job}",tenant="scraped"`;
    const calls = `talaria_calls_total{${of},outcome="ok"}`;
    const found = await until(
      () => query(calls).catch(() => []),
      ([series]) => series?.value === 3,
    );
    expect(found[0]?.metric).toMatchObject({ backend: 'm', endpoint: 'gpu', app: APP, code: 'ok' });
    const [tokens] = await query(`talaria_input_tokens_total{${of}}`);
    expect(tokens?.value).toBe(21);
    const [count] = await query(`talaria_call_duration_seconds_count{${of}}`);
    expect(count?.value).toBe(3);
    const [quantile] = await query(
      `histogram_quantile(0.95, sum by (le) (talaria_queue_duration_seconds_bucket{${of}}))`,
    );
    expect(quantile?.value).toBeGreaterThan(0);
  });

  it('scrapes every target without an error, and drops no sample', async () => {
    const { data } = await get('targets');
    expect(data?.activeTargets?.map((t) => [t.labels.job, t.health, t.lastError]).sort()).toEqual([
      ['all', 'up', ''],
      ['named', 'up', ''],
      ['own', 'up', ''],
    ]);
    const own = await (await fetch(`${api}/metrics`)).text();
    const dropped =
      /^prometheus_target_scrapes_sample_(?:duplicate_timestamp|out_of_order|out_of_bounds)_total (.*)$/gm;
    expect([...own.matchAll(dropped)].map(([, count]) => count)).toEqual(['0', '0', '0']);
  });

  it('has loaded the alert rules, and none of them fires', async () => {
    const { data } = (await get('rules')) as unknown as {
      data: { groups: Array<{ rules: Array<{ health: string; state: string; name: string }> }> };
    };
    const rules = data.groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(10);
    expect(rules.filter((rule) => rule.state !== 'inactive').map((rule) => rule.name)).toEqual([]);
  });
});

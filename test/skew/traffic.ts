/**
 * All kinds of requests to a dispatcher whose Worker and objects are of other versions. Each answers what
 * was wrong, so that one run tells all.
 */
import { ADMIN_TOKEN, admin } from '../../scripts/stack.ts';
import { RawClient, statusOf, until } from '../e2e/harness.ts';
import { patientCall } from '../e2e/patient-client.ts';

export interface World {
  /** Asked for each request: a dispatcher that starts again has another port. */
  readonly url: () => string;
  readonly tenant: string;
  readonly key: string;
}

export type Problems = string[];

const HOLDING = 200;

/** A request with the tenant's key, whose answer has to have a status. */
export async function ask(
  world: World,
  method: string,
  path: string,
  { body, headers = {}, status = 200 }: AskOptions = {},
  problems: Problems = [],
): Promise<string> {
  const answer = await fetch(`${world.url()}${path}`, {
    method,
    headers: { authorization: `Bearer ${world.key}`, ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (answer.status !== status) problems.push(`${method} ${path}: ${answer.status} ${text}`);
  return text;
}

export interface AskOptions {
  readonly body?: object | string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status?: number;
}

export const chat = (content: string, more: object = {}) => ({
  model: 'm',
  messages: [{ role: 'user', content }],
  ...more,
});

const CHAT = '/v1/chat/completions';

/** `width` clients, each of which makes `each` calls of one run, one after the other. */
export async function runs(
  world: World,
  name: string,
  width: number,
  each: number,
  more: object = {},
): Promise<Problems> {
  const problems: Problems = [];
  const client = async (c: number) => {
    const run = `${name}-${c}`;
    for (let i = 0; i < each; i += 1) {
      const final = i === each - 1 ? { 'x-talaria-run-final': 'true' } : {};
      const headers = { 'x-talaria-app': 'skew', 'x-talaria-run': run, ...final };
      const content = `${run}-${i}`;
      const text = await ask(world, 'POST', CHAT, { body: chat(content, more), headers }, problems);
      if (!text.includes(content)) problems.push(`${content}: ${text}`);
    }
  };
  await Promise.all(Array.from({ length: width }, (_, c) => client(c)));
  return problems;
}

/** Clients that ask again as SDKs do, for as long as the dispatcher is away. */
export async function patientRuns(
  world: World,
  name: string,
  width: number,
  each: number,
): Promise<Problems> {
  const problems: Problems = [];
  const client = async (c: number) => {
    const run = `${name}-${c}`;
    for (let i = 0; i < each; i += 1) {
      const content = `${run}-${i}`;
      const headers = { 'x-talaria-app': 'skew', 'x-talaria-run': run };
      const { status, text } = await patientCall(world.url, world.key, content, headers);
      if (status !== 200 || !text.includes(content)) problems.push(`${content}: ${status} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: width }, (_, c) => client(c)));
  return problems;
}

/** Clients that leave while they wait, before the first byte, and in a stream. */
export async function leavers(world: World, count: number): Promise<void> {
  const clients = Array.from({ length: count }, (_, i) => {
    const body = chat(`leaver-${i}`, { stream: i % 2 === 0, max_tokens: 5 });
    return new RawClient(world.url(), world.key, body, [`x-talaria-run: leaver-${i}`]);
  });
  await new Promise((resolve) => setTimeout(resolve, HOLDING));
  for (const client of clients) client.reset();
  await Promise.all(clients.map(({ closed }) => closed));
}

/** Idempotency keys, and reports of runs, token counts, and stories. */
export async function keyRequests(world: World): Promise<Problems> {
  const problems: Problems = [];
  const post = (path: string, options: AskOptions) => ask(world, 'POST', path, options, problems);
  const headers = {
    'idempotency-key': 'once',
    'x-talaria-app': 'skew',
    'x-request-id': 'request-1',
  };
  const first = await post(CHAT, { body: chat('once'), headers });
  if ((await post(CHAT, { body: chat('once'), headers })) !== first) problems.push('no replay');
  await post(CHAT, { body: chat('other'), headers, status: 409 });
  await ask(world, 'GET', '/v1/calls/request-1', {}, problems);
  const event = { app: 'skew', unit: 'plan', type: 'unit_begin' };
  await post('/v1/runs/reported/events', { body: event, status: 202 });
  await post('/v1/runs/reported/finish', {});
  await post('/v1/messages/count_tokens', { body: chat('count') });
  await ask(world, 'GET', '/v1/models', {}, problems);
  await ask(world, 'GET', '/v1/runs/reported', { status: 404 });
  return problems;
}

/**
 * Jobs, files and a batch; all come to their end. `refusesImpossible`: the Worker is of a version that
 * takes no job whose call would be refused.
 */
export async function jobs(world: World, refusesImpossible = true): Promise<Problems> {
  const problems: Problems = [];
  const order = (body: object, headers = {}, status = 202) =>
    ask(world, 'POST', '/v1/jobs', { body, headers, status }, problems);
  const job = (content: string, more = {}) => ({
    path: CHAT,
    body: chat(content, more),
  });
  const ordered = await Promise.all([1, 2, 3].map((n) => order(job(`job-${n}`))));
  await order(job('kept'), { 'idempotency-key': 'job' });
  await order(job('kept'), { 'idempotency-key': 'job' });
  const impossible = job('x', { model: 'none' });
  // Not one that an earlier version has taken.
  const headers = { 'idempotency-key': crypto.randomUUID() };
  for (let i = 0; i < 2; i += 1) {
    const seen: Problems = [];
    await ask(world, 'POST', '/v1/jobs', { body: impossible, headers, status: 404 }, seen);
    if (refusesImpossible) problems.push(...seen);
  }
  const get = async (path: string) =>
    JSON.parse(await ask(world, 'GET', path, {}, problems)) as { status: string };
  for (const text of ordered) {
    const { id } = JSON.parse(text);
    const isOver = (seen: { status: string }) => !['queued', 'in_progress'].includes(seen.status);
    const { status } = await until(() => get(`/v1/jobs/${id}`), isOver);
    if (status !== 'completed') problems.push(`job: ${status}`);
  }
  return [...problems, ...(await batch(world))];
}

async function batch(world: World): Promise<Problems> {
  const problems: Problems = [];
  const lines = [1, 2, 3].map((n) =>
    JSON.stringify({ custom_id: `l-${n}`, method: 'POST', url: CHAT, body: chat(`line-${n}`) }),
  );
  const form = new FormData();
  form.set('purpose', 'batch');
  form.set('file', new Blob([lines.join('\n')]), 'in.jsonl');
  const headers = { authorization: `Bearer ${world.key}` };
  const url = `${world.url()}/v1/files`;
  const sent = await fetch(url, { method: 'POST', headers, body: form });
  const file = (await sent.json()) as { id: string };
  const order = { input_file_id: file.id, endpoint: CHAT, completion_window: '24h' };
  const ordered = await ask(world, 'POST', '/v1/batches', { body: order }, problems);
  const { id } = JSON.parse(ordered);
  const read = async () => JSON.parse(await ask(world, 'GET', `/v1/batches/${id}`, {}, problems));
  const done = await until(read, ({ status }) => ['completed', 'failed'].includes(status));
  if (done.request_counts?.completed !== 3) problems.push(`batch: ${JSON.stringify(done)}`);
  const output = `/v1/files/${done.output_file_id}/content`;
  const answers = await ask(world, 'GET', output, {}, problems);
  if (!answers.includes('line-3')) problems.push(`output: ${answers}`);
  await ask(world, 'GET', '/v1/jobs', {}, problems);
  await ask(world, 'GET', '/v1/batches', {}, problems);
  await ask(world, 'DELETE', `/v1/files/${file.id}`, {}, problems);
  return problems;
}

/** What the administrator, a page of the console and a scrape ask. */
export async function operators(world: World, config: object): Promise<Problems> {
  const problems: Problems = [];
  const as = { ...world, key: ADMIN_TOKEN };
  const { tenant } = world;
  const get = (path: string) => ask(as, 'GET', path, {}, problems);
  const admins = [
    ...['', '/status', '/pdgraph', '/prewarm', '/runs', '/export', '/jobs'].map(
      (view) => `/admin/tenants/${tenant}${view}`,
    ),
    '/metrics',
    `/metrics?tenant=${tenant}`,
  ];
  for (const path of admins) await get(path);
  const api = `/console/api/tenants/${tenant}`;
  const views = [
    'now',
    'line?backend=m',
    'runs',
    'warmth',
    'applications',
    'trace',
    'config',
    'config/versions',
    'keys',
    'audit',
    'applications/skew',
  ];
  for (const view of views) await get(`${api}/${view}`);
  await get('/console/api/session?first=now');
  await ask(world, 'GET', '/console/api/session?first=now', {}, problems);
  await ask(world, 'GET', '/metrics', {}, problems);
  const change = async (method: string, path: string, body: object | undefined, status = 200) =>
    ask(as, method, path, { ...(body ? { body } : {}), status }, problems);
  const made = await change('POST', `${api}/keys`, { requestsPerMinute: 5 }, 201);
  const { id } = JSON.parse(made);
  await change('PUT', `${api}/keys/${id}`, { requestsPerMinute: 6 }, 204);
  await change('DELETE', `${api}/keys/${id}`, undefined, 204);
  await change('PUT', `${api}/applications/skew/weight`, { weight: 2 }, 204);
  for (const what of ['pause', 'resume']) {
    await change('POST', `${api}/endpoints/m/gpu/${what}`, undefined);
  }
  await admin(world.url(), 'PUT', `/tenants/${tenant}`, config);
  return problems;
}

/** Resolves when every slot is free, and nobody waits. */
export function allFree({ url, tenant }: World) {
  return until(
    async () => (await statusOf(url(), tenant)).m ?? { waiting: 0, running: 0 },
    ({ waiting, running }) => waiting === 0 && running === 0,
  );
}

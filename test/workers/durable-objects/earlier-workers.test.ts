/**
 * The requests of earlier Workers, as they were recorded, to the present objects: each is answered, with
 * all fields that the objects of its own version always gave.
 */
import { env, exports } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import second from '../../fixtures/earlier-versions/a30c7905.json';
import first from '../../fixtures/earlier-versions/ce1730c7.json';
import before from '../../fixtures/earlier-versions/fce4f58f.json';

interface Message {
  readonly object: string;
  readonly method: string;
  readonly asked: readonly unknown[];
  readonly answer?: unknown;
}

const VERSIONS: ReadonlyArray<readonly [string, readonly Message[]]> = [
  ['a30c7905', second],
  ['ce1730c7', first],
  ['fce4f58f', before],
];
/** Others would change the tenant under the ones that follow, or answer with streams. */
const ASKED: Readonly<Record<string, readonly string[]>> = {
  TenantObject: [
    ...['enqueue', 'settle', 'again', 'renew', 'cancel', 'loanTurn', 'isRevoked', 'chargeRequests'],
    ...[
      'reportRun',
      'beginSideCall',
      'document',
      'view',
      'figures',
      'look',
      'steeringView',
      'story',
    ],
  ],
  JobsObject: [
    'createJob',
    'job',
    'listJobs',
    'openFile',
    'putPiece',
    'completeFile',
    'batch',
    'usage',
  ],
};
/** Methods whose answers are compared, field by field, for each version. */
const COMPARED = [
  ...['createJob', 'job', 'listJobs', 'openFile', 'usage'].map((method) => `JobsObject.${method}`),
  ...['beginSideCall', 'enqueue', 'look', 'reportRun', 'steeringView'].map(
    (method) => `TenantObject.${method}`,
  ),
];
const ADMIN = { authorization: 'Bearer test-admin' };
type Fields = Readonly<Record<string, unknown>>;

async function admin(method: string, path: string, body?: object): Promise<Fields> {
  const url = `http://talaria.test/admin/tenants${path}`;
  const sent = body ? { body: JSON.stringify(body) } : {};
  const answer = await exports.default.fetch(new Request(url, { method, headers: ADMIN, ...sent }));
  return answer.json();
}

/** A tenant as in the recordings, and what a request has to name of it. */
async function newTenant(name: string): Promise<Fields> {
  const endpoints = [{ name: 'gpu', url: 'http://127.0.0.1:9/v1', slots: 64 }];
  await admin('PUT', `/${name}`, { backends: { m: { models: ['m'], endpoints } } });
  const { id } = await admin('POST', `/${name}/keys`);
  const stored = JSON.parse((await env.TENANT.getByName(name).document()) ?? '{}');
  const { version, config } = stored;
  const keyHash = config.keys.find((key: Fields) => key.id === id).sha256;
  return { keyId: id, keyHash, version };
}

/** The recorded value with the names of the present tenant, and with bytes. */
function renamed(value: unknown, names: Fields): unknown {
  if (Array.isArray(value)) return value.map((item) => renamed(item, names));
  if (typeof value !== 'object' || value === null) return value;
  if ('$bytes' in value) return new TextEncoder().encode('{}');
  const fields = Object.entries(value).map(([name, field]) => [
    name,
    names[name] ?? renamed(field, names),
  ]);
  return Object.fromEntries(fields);
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

/** What tells variants of an answer apart. */
const variantOf = (answer: unknown) =>
  isFields(answer) ? [answer.status, answer.ok, answer.code].join() : typeof answer;

/** The fields that all recorded answers of a method have that are of the same variant. */
function alwaysIn(messages: readonly Message[], { object, method, answer }: Message): string[] {
  const alike = messages.filter(
    (m) => m.object === object && m.method === method && variantOf(m.answer) === variantOf(answer),
  );
  const [one = [], ...others] = alike.map((m) => (isFields(m.answer) ? Object.keys(m.answer) : []));
  return one.filter((name) => others.every((fields) => fields.includes(name)));
}

it.each(VERSIONS)('the requests of %s', async (version, messages) => {
  const name = `earlier-${version}`;
  const names = await newTenant(name);
  const objects: Readonly<Record<string, object>> = {
    TenantObject: env.TENANT.getByName(name),
    JobsObject: env.JOBS.getByName(name),
  };
  const compared = new Set<string>();
  for (const message of messages) {
    const { object, method, asked, answer } = message;
    const stub = objects[object] as Record<string, (...args: unknown[]) => Promise<unknown>>;
    if (!ASKED[object]?.includes(method)) continue;
    // JSON has null for an argument that is absent.
    const args = asked.map((arg) => (arg === null ? undefined : renamed(arg, names)));
    // Positional, where the others are fields.
    if (method === 'chargeRequests' || method === 'isRevoked') args[0] = names.keyId;
    const got = await stub[method]?.(...args);
    if (variantOf(got) !== variantOf(answer) || !isFields(got)) continue;
    compared.add(`${object}.${method}`);
    const lacking = alwaysIn(messages, message).filter((field) => !(field in got));
    expect([method, lacking]).toEqual([method, []]);
  }
  // The others answer this tenant, which has fewer runs and files, in another variant.
  const loans = version === 'fce4f58f' ? [] : ['TenantObject.loanTurn'];
  expect([...compared].sort()).toEqual([...COMPARED, ...loans].sort());
});

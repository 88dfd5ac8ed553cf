/**
 * The configuration of bare workerd: the bundle, its bindings, and Workers that replace parts of
 * the platform. raw-workerd.ts starts it.
 */
import { ADMIN_TOKEN } from './stack.ts';

export interface WorkerdSettings {
  /** Compatibility date and flags, as in wrangler.toml. */
  readonly date: string;
  readonly flags: string;
  readonly secrets: Readonly<Record<string, string>>;
  readonly objectsApart: boolean;
  /** The objects' bundle is another one, `objects.js`; they are apart then. */
  readonly otherObjects: boolean;
  /** Folder of the static assets. */
  readonly assets: string;
  /** The module around the objects' bundle, of object-wrappers.ts. */
  readonly wrapper: string | undefined;
  /** The Worker's bundle is beside that of the objects, for the wrapper. */
  readonly hasBoth: boolean;
}

/** Durable Objects: binding, class, and the name of their storage. */
const OBJECTS = [
  ['TENANT', 'TenantObject', 'tenant'],
  ['DIRECTORY', 'TenantDirectory', 'directory'],
  ['IDEMPOTENCY', 'IdempotencyShard', 'idempotency'],
  ['ROUND', 'ForecastRound', 'round'],
  ['JOBS', 'JobsObject', 'jobs'],
  ['KEYS', 'KeyRegister', 'keys'],
  ['METRICS', 'MetricsShard', 'metrics'],
] as const;

/** `disk`: folder of the objects' storage. */
export function workerdConfig(
  port: number,
  cronPort: number,
  disk: string,
  { date, flags, secrets, assets, ...settings }: WorkerdSettings,
): string {
  const { otherObjects, wrapper, hasBoth } = settings;
  const objectsApart = settings.objectsApart || otherObjects;
  const compatibility = `compatibilityDate = "${date}", compatibilityFlags = ${flags}`;
  const home = objectsApart ? 'objects' : 'talaria';
  const module = (name: string, file: string) => `(name = "${name}", esModule = embed "${file}")`;
  const modules = (name: string) => {
    const main = module(
      'index.js',
      name === 'objects' && otherObjects ? 'objects.js' : 'bundle.js',
    );
    const around = wrapper && name === home ? [module('wrapper.js', 'wrapper.js')] : [];
    const other = hasBoth && name === home ? [module('other.js', 'bundle.js')] : [];
    return `[${[...around, main, ...other].join(', ')}]`;
  };
  const namespace = (className: string) =>
    objectsApart ? `(className = "${className}", serviceName = "objects")` : `"${className}"`;
  const bindings = [
    '(name = "TENANTS", kvNamespace = "kv")',
    '(name = "ASSETS", service = "assets")',
    ...OBJECTS.map(([name, c]) => `(name = "${name}", durableObjectNamespace = ${namespace(c)})`),
    ...Object.entries({ ADMIN_TOKEN, ENVIRONMENT: 'development', ...secrets }).map(
      ([name, text]) => `(name = "${name}", text = ${JSON.stringify(text)})`,
    ),
  ].join(',\n        ');
  const objects = OBJECTS.map(
    ([, c, key]) => `(className = "${c}", uniqueKey = "${key}", enableSql = true)`,
  ).join(',\n        ');
  const worker = (name: string) => `(name = "${name}", worker = (
      modules = ${modules(name)}, ${compatibility},
      bindings = [
        ${bindings}],
      ${name === home ? `durableObjectNamespaces = [\n        ${objects}],` : ''}
      durableObjectStorage = (localDisk = "disk"),
      globalOutbound = "network"))`;
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "front", worker = (
      modules = [(name = "front.js", esModule = embed "front.js")], ${compatibility},
      bindings = [
        (name = "TALARIA", service = "talaria"),
        (name = "TENANT", durableObjectNamespace = (className = "TenantObject", serviceName = "${home}"))])),
    ${worker('talaria')},
    ${objectsApart ? `${worker('objects')},` : ''}
    (name = "kv", worker = (
      modules = [(name = "kv.js", esModule = embed "kv.js")], ${compatibility},
      bindings = [(name = "STORE", durableObjectNamespace = "Store")],
      durableObjectNamespaces = [(className = "Store", uniqueKey = "kv", enableSql = true)],
      durableObjectStorage = (localDisk = "disk"))),
    (name = "disk", disk = (path = "${disk}", writable = true)),
    (name = "assets", disk = (path = "${assets}")),
    (name = "network", network = (allow = ["public", "private"])),
  ],
  sockets = [
    (name = "http", address = "127.0.0.1:${port}", http = (), service = "talaria"),
    (name = "cron", address = "127.0.0.1:${cronPort}", http = (), service = "front")]
);
`;
}

/**
 * KV with the runtime's protocol: GET, PUT and DELETE of a key, GET of many keys as JSON, and the list
 * of the keys with a prefix.
 */
export const KV_WORKER = `export class Store {
  constructor(state) { this.storage = state.storage; }
  async fetch(request) {
    // Some requests encode a colon and some do not.
    const key = decodeURIComponent(new URL(request.url).pathname);
    if (key === '/bulk/get') {
      const read = async (name) => [name, JSON.parse((await this.storage.get('/' + name)) ?? 'null')];
      return Response.json(Object.fromEntries(await Promise.all((await request.json()).keys.map(read))));
    }
    if (key === '/' && request.method === 'GET') {
      const { searchParams } = new URL(request.url);
      const limit = Number(searchParams.get('key_count_limit') ?? 1000);
      const start = searchParams.get('cursor');
      const prefix = '/' + (searchParams.get('prefix') ?? '');
      const found = [...(await this.storage.list({ prefix, limit: limit + 1, ...(start ? { startAfter: start } : {}) })).keys()];
      const keys = found.slice(0, limit);
      const more = found.length > limit ? { list_complete: false, cursor: keys.at(-1) } : { list_complete: true };
      return Response.json({ keys: keys.map((name) => ({ name: name.slice(1) })), ...more });
    }
    if (request.method === 'PUT') { await this.storage.put(key, await request.text()); return new Response(); }
    if (request.method === 'DELETE') { await this.storage.delete(key); return new Response(); }
    const value = await this.storage.get(key);
    return value === undefined ? new Response(null, { status: 404 }) : new Response(value);
  }
}
export default { fetch: (request, env) => env.STORE.get(env.STORE.idFromName('kv')).fetch(request) };
`;

/**
 * Fires the cron trigger, which bare workerd does not do, as if `?in=MS` had passed; makes N calls at once from inside the
 * process for a request with `?calls=N`, because the machine limits the number of connections; and
 * aborts the object of `?abort=TENANT`.
 */
export const FRONT_WORKER = `export default {
  async fetch(request, env) {
    const { searchParams } = new URL(request.url);
    if (searchParams.has('abort')) {
      const object = env.TENANT.getByName(searchParams.get('abort'));
      return Response.json(await object.die().then(() => 'lives', () => 'died'));
    }
    const calls = Number(searchParams.get('calls'));
    if (calls > 0) {
      const body = await request.arrayBuffer();
      const { method, headers } = request;
      const url = new URL(request.url).origin + new URL(request.url).pathname;
      const call = async () => (await env.TALARIA.fetch(url, { method, headers, body })).text();
      return Response.json(await Promise.all(Array.from({ length: calls }, call)));
    }
    const scheduledTime = Date.now() + Number(searchParams.get('in') ?? 0);
    const result = await env.TALARIA.scheduled({ cron: '* * * * *', scheduledTime });
    return Response.json(result);
  },
};
`;

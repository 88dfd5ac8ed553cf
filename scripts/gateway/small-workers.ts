/**
 * The Workers that show what a gateway costs at least: one that only forwards, one that also reads
 * and writes each piece of the answer, and one that also makes two RPCs to a Durable Object, which
 * writes one row.
 */

export const FORWARDING_WORKER = `export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === '/healthz') return new Response('ok');
    const headers = { 'content-type': 'application/json', authorization: request.headers.get('authorization') };
    return fetch(env.ENDPOINT + pathname, { method: 'POST', headers, body: request.body });
  },
};
`;

/** The same, but for the answer, whose pieces pass through JavaScript one by one. */
export const RELAYING_WORKER = `export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === '/healthz') return new Response('ok');
    const headers = { 'content-type': 'application/json', authorization: request.headers.get('authorization') };
    const answer = await fetch(env.ENDPOINT + pathname, { method: 'POST', headers, body: request.body });
    const { readable, writable } = new IdentityTransformStream();
    relay(answer.body.getReader({ mode: 'byob' }), writable.getWriter());
    return new Response(readable, answer);
  },
};
async function relay(reader, writer) {
  for (let buffer = new Uint8Array(4096); ; ) {
    const { done, value } = await reader.read(buffer);
    if (done) return writer.close();
    await writer.write(value);
    buffer = new Uint8Array(value.buffer);
  }
}
`;

export const TWO_RPC_WORKER = `import { DurableObject } from 'cloudflare:workers';
export class Slots extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    ctx.storage.sql.exec('CREATE TABLE IF NOT EXISTS calls (id INTEGER PRIMARY KEY, at REAL) WITHOUT ROWID');
    this.calls = 0;
  }
  enter() {
    this.calls += 1;
    this.ctx.storage.sql.exec('INSERT OR REPLACE INTO calls VALUES (?, ?)', this.calls & 1023, Date.now());
    return this.calls;
  }
  leave(id) { return id; }
}
export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === '/healthz') return new Response('ok');
    const slots = env.SLOTS.getByName('all');
    const id = await slots.enter();
    const headers = { 'content-type': 'application/json', authorization: request.headers.get('authorization') };
    const response = await fetch(env.ENDPOINT + pathname, { method: 'POST', headers, body: request.body });
    ctx.waitUntil(slots.leave(id));
    return response;
  },
};
`;

export interface SmallWorker {
  readonly port: number;
  /** The file of the Worker's code, beside the configuration. */
  readonly module: string;
  readonly date: string;
  readonly flags: string;
  /** Text bindings. */
  readonly texts: Readonly<Record<string, string>>;
  /** Folder of the storage of its object, of the class Slots; absent: it has none. */
  readonly disk?: string;
}

/** A configuration of workerd for one Worker. */
export function smallConfig({ port, module, date, flags, texts, disk }: SmallWorker): string {
  const bindings = Object.entries(texts).map(
    ([name, text]) => `(name = "${name}", text = ${JSON.stringify(text)})`,
  );
  if (disk) bindings.push('(name = "SLOTS", durableObjectNamespace = "Slots")');
  const object = `durableObjectNamespaces = [(className = "Slots", uniqueKey = "s", enableSql = true)],
      durableObjectStorage = (localDisk = "disk"),`;
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "main.js", esModule = embed "${module}")],
      compatibilityDate = "${date}", compatibilityFlags = ${flags},
      bindings = [${bindings.join(', ')}],
      ${disk ? object : ''}
      globalOutbound = "network")),
    ${disk ? `(name = "disk", disk = (path = "${disk}", writable = true)),` : ''}
    (name = "network", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);
`;
}

/** Modules around the bundle of the objects, by which tests abort them, exchange them, or record them. */

/**
 * The bundle with a tenant's object that can be aborted, as the platform does it, while its Workers
 * keep running.
 */
export const ABORTABLE_WORKER = `import * as talaria from './index.js';
export * from './index.js';
export default talaria.default;
export class TenantObject extends talaria.TenantObject {
  async die() { this.ctx.abort('on purpose'); }
}
`;

/**
 * The same with two versions: the bundle of the objects, and `other.js`. Each abort of a tenant's object
 * brings it up in the other version, as a deployment and its rollback do.
 */
export const SWITCHING_WORKER = `import { DurableObject } from 'cloudflare:workers';
import * as talaria from './index.js';
import * as other from './other.js';
export * from './index.js';
export default talaria.default;
const switched = new Set();
for (const version of [talaria, other]) {
  version.TenantObject.prototype.die = async function () {
    const id = this.ctx.id.toString();
    if (!switched.delete(id)) switched.add(id);
    this.ctx.abort('on purpose');
  };
}
export class TenantObject extends DurableObject {
  constructor(ctx, env) {
    return new (switched.has(ctx.id.toString()) ? other : talaria).TenantObject(ctx, env);
  }
}
`;

/**
 * The bundle with objects that log each request and its answer, as one line `rpc {JSON}`: what one
 * version says to another is recorded by it (test/fixtures/earlier-versions). Bytes are `{"$bytes": base64}`,
 * and what cannot be written down, such as a ticket or a stream, is `{"$held": true}`.
 */
export const RECORDING_WORKER = `import * as talaria from './index.js';
export * from './index.js';
export default talaria.default;

const UNSEEN = new Set(['constructor', 'fetch', 'alarm', 'webSocketMessage', 'webSocketClose', 'webSocketError']);
const plain = (value) => {
  if (typeof value === 'function') return { $held: true };
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return { $bytes: btoa(String.fromCharCode(...value.slice(0, 300))) };
  if (Array.isArray(value)) return value.map(plain);
  const proto = Object.getPrototypeOf(value);
  if (proto !== Object.prototype && proto !== null) return { $held: true };
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]));
};
const watched = new WeakSet();
// What an answer holds, such as a ticket, has methods of its own.
const watch = (object, value) => {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  for (const field of Object.values(value)) {
    const proto = typeof field === 'object' && field !== null && Object.getPrototypeOf(field);
    if (!proto || proto === Object.prototype || Array.isArray(field) || field instanceof Uint8Array) continue;
    record(object, proto, proto);
  }
};
function record(object, from, onto) {
  if (watched.has(onto)) return;
  watched.add(onto);
  for (const method of Object.getOwnPropertyNames(from)) {
    const act = Object.getOwnPropertyDescriptor(from, method)?.value;
    if (UNSEEN.has(method) || typeof act !== 'function') continue;
    onto[method] = async function (...args) {
      const asked = plain(args);
      const answer = await act.apply(this, args);
      console.log('rpc ' + JSON.stringify({ object, method, asked, answer: plain(answer) }));
      watch(object + '.' + method, answer);
      return answer;
    };
  }
}
const recorded = (name) => {
  const Recorded = class extends talaria[name] {};
  record(name, talaria[name].prototype, Recorded.prototype);
  return Recorded;
};
${[
  'TenantObject',
  'TenantDirectory',
  'IdempotencyShard',
  'ForecastRound',
  'JobsObject',
  'KeyRegister',
  'MetricsShard',
]
  .map((name) => `export const ${name} = recorded('${name}');`)
  .join('\n')}
`;

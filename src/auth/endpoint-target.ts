/**
 * Adds its key to an endpoint's address: the Worker secret that the address names, or the sealed
 * key that it contains. Addresses are built in `config/endpoint-address.ts`, without keys.
 */
import { addressOf, wakePatienceMs } from '../config/endpoint-address.ts';
import { upstreamName } from '../config/model-entry.ts';
import type { TenantConfig } from '../config/schema.ts';
import type { EndpointAdapter, EndpointTarget } from '../endpoints/adapter.ts';
import type { EndpointAddress } from '../endpoints/address.ts';
import { adapterOf } from '../endpoints/registry.ts';
import { given } from '../http/given.ts';
import type { PingOrder } from '../protocol/orders.ts';
import { unseal } from './sealed-key.ts';

export type Target =
  | { readonly ok: true; readonly target: EndpointTarget }
  | { readonly ok: false; readonly missingSecret: string };

/** The Worker's environment, with the secrets that contain or seal the keys. */
export type Secrets = Readonly<Record<string, unknown>>;

/** The Worker's environment by its names, without a copy of it. */
export function secretsIn(env: object): Secrets {
  return env as Secrets;
}

/** `missingSecret` is the name of the Worker secret without which the key cannot be obtained. */
export async function targetOf(
  address: EndpointAddress,
  secrets: Secrets,
  tenant: string,
): Promise<Target> {
  const { url, secret, sealed, model, wakePath, releasePath, readyPath, statusUrl } = address;
  const key = await keyOf(address, secrets, tenant);
  const sent = key === undefined ? undefined : headersOf(address, key);
  if (sent === undefined && (secret !== undefined || sealed !== undefined)) {
    return { ok: false, missingSecret: secret ?? 'MASTER_KEY' };
  }
  return {
    ok: true,
    target: {
      url,
      ...given({ model, wakePath, statusUrl }),
      ...(sent ?? { auth: {} }),
      ...given({ releasePath, readyPath }),
    },
  };
}

async function keyOf(
  address: EndpointAddress,
  secrets: Secrets,
  tenant: string,
): Promise<string | undefined> {
  const { secret, sealed, backend = '', url, statusUrl } = address;
  const { MASTER_KEY } = secrets;
  const key =
    sealed !== undefined && typeof MASTER_KEY === 'string'
      ? await unseal(MASTER_KEY, sealed, { tenant, backend, url, statusUrl })
      : secrets[secret ?? ''];
  // A key that no header can contain would fail later, with the key in the text of the error.
  return typeof key === 'string' && isHeaderValue(key.trim()) ? key.trim() : undefined;
}

function isHeaderValue(text: string): boolean {
  return /^[\x20-\x7e]+$/.test(text);
}

/** The headers that contain the key, and what of it is secret; undefined for half a key. */
function headersOf(
  address: EndpointAddress,
  key: string,
): Required<Pick<EndpointTarget, 'auth' | 'key'>> | undefined {
  const { authHeader = 'authorization', authScheme = 'Bearer' } = address;
  if (authHeader === 'modal-key') {
    const [, id, secret] = /^(wk-[\w-]+)[.:](ws-[\w-]+)$/.exec(key) ?? [];
    if (id === undefined || secret === undefined) return undefined;
    return { auth: { 'modal-key': id, 'modal-secret': secret }, key: secret };
  }
  return { auth: { [authHeader]: authScheme === '' ? key : `${authScheme} ${key}` }, key };
}

/** The endpoint of a wake or a release. */
export interface PingTarget {
  readonly adapter: EndpointAdapter;
  readonly target: EndpointTarget;
  /** Time after which a wake is given up, ms. */
  readonly patienceMs: number;
}

/** Undefined where the endpoint is not configured or its key is missing. */
export async function pingTargetOf(
  config: TenantConfig,
  order: PingOrder,
  secrets: Secrets,
  tenant: string,
): Promise<PingTarget | undefined> {
  const { backend, endpoint } = order;
  const address = addressOf(config, backend, endpoint);
  const resolved = address && (await targetOf(address, secrets, tenant));
  if (!address || !resolved?.ok) return undefined;
  const models = config.backends[backend]?.models.map(upstreamName);
  const target = withModel(resolved.target, order.model, models);
  return {
    target,
    adapter: adapterOf(address.kind, target),
    patienceMs: order.patienceMs ?? wakePatienceMs(config, backend, endpoint),
  };
}

/** A router loads what it is asked for: the target with the model that is needed, if it is served. */
function withModel(
  target: EndpointTarget,
  needed: string | undefined,
  served: readonly string[] = [],
): EndpointTarget {
  if (target.model === undefined || needed === undefined || !served.includes(needed)) return target;
  return { ...target, model: needed };
}

/** An endpoint with its key: the address, and the secret that it names or the sealed key that it holds. */
import { addressOf, wakePatienceMs } from '../config/endpoint-address.ts';
import type { TenantConfig } from '../config/schema.ts';
import type { EndpointAdapter, EndpointTarget } from '../endpoints/adapter.ts';
import type { EndpointAddress } from '../endpoints/address.ts';
import { adapterOf } from '../endpoints/registry.ts';
import type { PingOrder } from '../protocol/tenant.ts';
import { unseal } from './sealed-key.ts';

export type Target =
  | { readonly ok: true; readonly target: EndpointTarget }
  | { readonly ok: false; readonly missingSecret: string };

/** The Worker's environment, among it the secrets that keys are in or sealed with. */
export type Secrets = Readonly<Record<string, unknown>>;

/** The endpoint with its key. */
export async function targetOf(
  address: EndpointAddress,
  secrets: Secrets,
  tenant: string,
): Promise<Target> {
  const { url, secret, sealed, model, wakePath, releasePath, statusUrl } = address;
  const key = await keyOf(address, secrets, tenant);
  if (key === undefined && (secret !== undefined || sealed !== undefined)) {
    return { ok: false, missingSecret: secret ?? 'MASTER_KEY' };
  }
  return {
    ok: true,
    target: {
      url,
      ...(model === undefined ? {} : { model }),
      ...(wakePath === undefined ? {} : { wakePath }),
      ...(statusUrl === undefined ? {} : { statusUrl }),
      ...(key === undefined ? { auth: {} } : { auth: authOf(address, key), key }),
      ...(releasePath === undefined ? {} : { releasePath }),
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
  // What cannot stand in a header would only fail further on, with the key in the words of the error.
  return typeof key === 'string' && isHeaderValue(key.trim()) ? key.trim() : undefined;
}

function isHeaderValue(text: string): boolean {
  return /^[\x20-\x7e]+$/.test(text);
}

function authOf(address: EndpointAddress, key: string): Record<string, string> {
  const { authHeader = 'authorization', authScheme = 'Bearer' } = address;
  return { [authHeader]: authScheme === '' ? key : `${authScheme} ${key}` };
}

/** An endpoint that a wake or a release is for. */
export interface PingTarget {
  readonly adapter: EndpointAdapter;
  readonly target: EndpointTarget;
  /** After so long a wake is given up, ms. */
  readonly patienceMs: number;
}

/** Undefined where the configuration does not name the endpoint, or its key is not there. */
export async function pingTargetOf(
  config: TenantConfig,
  order: PingOrder,
  secrets: Secrets,
  tenant: string,
): Promise<PingTarget | undefined> {
  const { backend, endpoint } = order;
  const address = addressOf(config, backend, endpoint);
  const found = address && (await targetOf(address, secrets, tenant));
  if (!address || !found?.ok) return undefined;
  return {
    target: found.target,
    adapter: adapterOf(address.kind, found.target),
    patienceMs: order.patienceMs ?? wakePatienceMs(config, backend, endpoint),
  };
}

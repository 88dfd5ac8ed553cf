/** The names of all tenants, from KV, a page at a time. Tenants themselves are in `store.ts`. */

import { given } from '../http/given.ts';
import { tenantKey } from './store.ts';

/** Names on a page; KV lists as many at once. */
const PAGE = 1_000;

export interface TenantNames {
  readonly names: readonly string[];
  /** For the next page. */
  readonly after?: string;
}

/** In order of their names. A tenant that was made or deleted within the last minute may be missed. */
export async function tenantNames(kv: KVNamespace, after?: string): Promise<TenantNames> {
  const prefix = tenantKey('');
  const listed = await kv.list({
    prefix,
    limit: PAGE,
    ...given({ cursor: after }),
  });
  const names = listed.keys.map(({ name }) => name.slice(prefix.length));
  return listed.list_complete ? { names } : { names, after: listed.cursor };
}

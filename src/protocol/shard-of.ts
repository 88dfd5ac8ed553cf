/** Which of several objects of one class keeps what belongs to a tenant. */

/** FNV-1a hash of the tenant, below `shards`: spreads tenants evenly, and must never change. */
export function shardOf(tenant: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < tenant.length; i += 1) {
    hash = Math.imul(hash ^ tenant.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0) % shards;
}

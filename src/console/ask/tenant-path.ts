/** Paths of the API below a tenant, as `ask` takes them. */
import { pathPart } from '../../protocol/console/path-part.ts';

/** `parts` are names: any text. */
export function tenantPath(tenant: string, ...parts: readonly string[]): string {
  return ['tenants', ...[tenant, ...parts].map(pathPart)].join('/');
}

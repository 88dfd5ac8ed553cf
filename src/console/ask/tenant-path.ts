/** Paths of the API below a tenant, as `ask` takes them. */
import { pathPart } from '../../protocol/console/path-part.ts';
import { MOST_TRACE_RUNS } from '../../protocol/console/trace.ts';

/** `parts` are names: any text. */
export function tenantPath(tenant: string, ...parts: readonly string[]): string {
  return ['tenants', ...[tenant, ...parts].map(pathPart)].join('/');
}

/** `q`: a part of a name; all applications where it is empty. */
export function applicationsPath(tenant: string, q: string): string {
  return withQuery(tenantPath(tenant, 'applications'), { q });
}

export const RUN_FILTERS = ['q', 'app', 'state', 'from', 'to'] as const;

/** Runs by filters: those of `RUN_FILTERS` that are not empty. */
export function runsPath(tenant: string, filters: Readonly<Record<string, string>>): string {
  const named = RUN_FILTERS.map((name) => [name, filters[name] ?? '']);
  return withQuery(tenantPath(tenant, 'runs'), Object.fromEntries(named));
}

const HOUR_MS = 3_600_000;
/** The spans that the screen Warmth shows, ms. */
export const WARMTH_WINDOWS = {
  '1h': HOUR_MS,
  '6h': 6 * HOUR_MS,
  '24h': 24 * HOUR_MS,
  '7d': 168 * HOUR_MS,
};
export type WarmthWindow = keyof typeof WARMTH_WINDOWS;

/** `to`: epoch ms. */
export function warmthPath(tenant: string, window: WarmthWindow, to: number): string {
  const span = { from: String(to - WARMTH_WINDOWS[window]), to: String(to) };
  return withQuery(tenantPath(tenant, 'warmth'), span);
}

export function tracePath(tenant: string): string {
  return withQuery(tenantPath(tenant, 'trace'), { limit: String(MOST_TRACE_RUNS) });
}

export function configPath(tenant: string): string {
  return tenantPath(tenant, 'config');
}

/** Empty values are left out. */
function withQuery(path: string, values: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== ''));
  return query.size === 0 ? path : `${path}?${query}`;
}

/**
 * The paths of the API that the screen of an address asks for first. A path that differs from the
 * screen's own is asked for in vain; a test counts the requests of each screen.
 */

import { nameOfPart } from '../../protocol/console/path-part.ts';
import {
  applicationsPath,
  configPath,
  runsPath,
  tenantPath,
  tracePath,
  WARMTH_WINDOWS,
  warmthPath,
} from '../ask/tenant-path.ts';

const ADDRESS = /^\/console\/t\/([^/]+)\/([^/]+)(?:\/([^/]+))?\/?$/;

/** At the start, who may look at one tenant only is told of it at once. */
export function sessionPath({ pathname }: Pick<Location, 'pathname'>): string {
  return /^\/console\/?$/.test(pathname) ? 'session?first=now' : 'session';
}

/** `at`: the machine's time, epoch ms. */
export function firstPaths(
  { pathname, search }: Pick<Location, 'pathname' | 'search'>,
  at: number,
): readonly string[] {
  const [, tenant = '', screen = '', one = ''] = ADDRESS.exec(pathname)?.map(nameIn) ?? [];
  if (tenant === '') return [];
  const query = new URLSearchParams(search);
  switch (screen) {
    case 'now':
      return [tenantPath(tenant, 'now')];
    case 'applications':
      return [
        one === ''
          ? applicationsPath(tenant, query.get('q') ?? '')
          : tenantPath(tenant, 'applications', one),
      ];
    case 'runs':
      return [
        one === '' ? runsPath(tenant, Object.fromEntries(query)) : tenantPath(tenant, 'runs', one),
      ];
    case 'calls':
      return [tenantPath(tenant, 'calls', one)];
    case 'warmth': {
      const name = query.get('window') ?? '';
      const span = Object.hasOwn(WARMTH_WINDOWS, name) ? name : '6h';
      return [warmthPath(tenant, span as keyof typeof WARMTH_WINDOWS, at)];
    }
    case 'what-if':
      return [tracePath(tenant)];
    case 'settings':
      return settingsPaths(tenant, one);
    default:
      return [];
  }
}

/** The audit log is the administrator's, and whose the token is is not known yet. */
function settingsPaths(tenant: string, section: string): readonly string[] {
  const config = configPath(tenant);
  switch (section) {
    case '':
    case 'configuration':
      return [config, tenantPath(tenant, 'config-schema')];
    case 'versions':
      return [`${config}/versions`, config];
    case 'keys':
      return [tenantPath(tenant, 'keys')];
    case 'playground':
      return [config];
    default:
      return [];
  }
}

/** '' for what is no name. */
function nameIn(part: string | undefined): string {
  try {
    return nameOfPart(decodeURIComponent(part ?? ''));
  } catch {
    return '';
  }
}

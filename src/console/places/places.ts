/** The addresses of the console: every screen, run, call and application has one. */

import { nameOfPart, pathPart } from '../../protocol/console/path-part.ts';

const BASE = '/console';

export const SCREENS = ['now', 'applications', 'runs', 'warmth', 'what-if', 'settings'] as const;
export type Screen = (typeof SCREENS)[number];

export const SCREEN_NAMES: Readonly<Record<Screen, string>> = {
  now: 'Now',
  applications: 'Applications',
  runs: 'Runs',
  warmth: 'Warmth',
  'what-if': 'What if',
  settings: 'Settings',
};

/** Sections of the screen Settings: parts of the address, and their names. */
export const SECTION_NAMES = {
  configuration: 'Configuration',
  versions: 'Versions',
  keys: 'Keys',
  audit: 'Audit log',
  playground: 'Playground',
} as const;
export type SectionId = keyof typeof SECTION_NAMES;

/** Patterns of the router. A part of an address that is a client's text is encoded. */
export const PATTERNS = {
  start: BASE,
  now: `${BASE}/t/:tenant/now`,
  applications: `${BASE}/t/:tenant/applications`,
  application: `${BASE}/t/:tenant/applications/:app`,
  runs: `${BASE}/t/:tenant/runs`,
  run: `${BASE}/t/:tenant/runs/:run`,
  call: `${BASE}/t/:tenant/calls/:call`,
  warmth: `${BASE}/t/:tenant/warmth`,
  whatIf: `${BASE}/t/:tenant/what-if`,
  settings: `${BASE}/t/:tenant/settings/:section?`,
} as const;

export function screenPlace(tenant: string, screen: Screen): string {
  return `${BASE}/t/${pathPart(tenant)}/${screen}`;
}

export function applicationPlace(tenant: string, app: string): string {
  return `${screenPlace(tenant, 'applications')}/${pathPart(app)}`;
}

export function runPlace(tenant: string, run: string): string {
  return `${screenPlace(tenant, 'runs')}/${pathPart(run)}`;
}

export function callPlace(tenant: string, call: string): string {
  return `${BASE}/t/${pathPart(tenant)}/calls/${pathPart(call)}`;
}

export function settingsPlace(tenant: string, section: string): string {
  return `${screenPlace(tenant, 'settings')}/${pathPart(section)}`;
}

/** The address of the list of runs with filters; empty ones are left out. */
export function runsPlace(tenant: string, filters: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(Object.entries(filters).filter(([, value]) => value !== ''));
  const path = screenPlace(tenant, 'runs');
  return query.size === 0 ? path : `${path}?${query}`;
}

/** The tenant and the screen of an address; null outside of a tenant. */
export function readPlace(path: string): { tenant: string; screen: Screen } | null {
  const match = /^\/console\/t\/([^/]+)(?:\/([^/]+))?/.exec(path);
  if (!match) return null;
  const tenant = decoded(match[1] ?? '');
  if (tenant === null) return null;
  const named = match[2] === 'calls' ? 'runs' : match[2];
  return { tenant, screen: SCREENS.find((screen) => screen === named) ?? 'now' };
}

function decoded(text: string): string | null {
  try {
    return nameOfPart(decodeURIComponent(text));
  } catch {
    return null;
  }
}

/** The names in an address, by the router's words for them. */
export function namesIn(
  params: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(params).flatMap(([word, part]) =>
      part === undefined ? [] : [[word, nameOfPart(part)]],
    ),
  );
}

/** What the palette offers for a text: places that have it in their names, the nearest first. */
import type { ApplicationRow } from '../../protocol/console/applications.ts';
import type { NowView } from '../../protocol/console/now.ts';
import {
  applicationPlace,
  runPlace,
  runsPlace,
  SCREEN_NAMES,
  SCREENS,
  SECTION_NAMES,
  screenPlace,
  settingsPlace,
} from '../places/places.ts';

export interface Jump {
  readonly name: string;
  readonly kind: string;
  readonly place: string;
}

export interface Known {
  readonly tenant: string | null;
  readonly tenants: readonly string[];
  readonly applications: ReadonlyArray<Pick<ApplicationRow, 'app' | 'label'>>;
  readonly now: NowView | undefined;
}

const MOST = 40;

export function jumpsFor(text: string, known: Known): Jump[] {
  const wanted = text.trim().toLowerCase();
  const found = allOf(known)
    .map((jump) => ({ jump, at: jump.name.toLowerCase().indexOf(wanted) }))
    .filter(({ at }) => at >= 0)
    // Names that begin with the text go first; the sort is stable.
    .sort((a, b) => Number(a.at > 0) - Number(b.at > 0))
    .map(({ jump }) => jump)
    .slice(0, MOST);
  const { tenant } = known;
  if (tenant === null || wanted === '') return found;
  const q = text.trim();
  return [
    ...found,
    { name: `Find “${q}”`, kind: 'runs and calls', place: runsPlace(tenant, { q }) },
  ];
}

function allOf({ tenant, tenants, applications, now }: Known): Jump[] {
  const others = tenants
    .filter((name) => name !== tenant)
    .map((name) => ({ name, kind: 'tenant', place: screenPlace(name, 'now') }));
  if (tenant === null) return others;
  return [
    ...SCREENS.map((screen) => ({
      name: SCREEN_NAMES[screen],
      kind: 'screen',
      place: screenPlace(tenant, screen),
    })),
    ...Object.entries(SECTION_NAMES).map(([section, name]) => ({
      name: `Settings: ${name.toLowerCase()}`,
      kind: 'screen',
      place: settingsPlace(tenant, section),
    })),
    ...applications.map(({ app, label }) => ({
      name: label === undefined ? app : `${label} (${app})`,
      kind: 'application',
      place: applicationPlace(tenant, app),
    })),
    ...runsOf(now).map((run) => ({ name: run, kind: 'run', place: runPlace(tenant, run) })),
    ...others,
  ];
}

function runsOf(now: NowView | undefined): string[] {
  if (!now) return [];
  const waiting = now.backends.flatMap(({ line }) => line.rows.map(({ run }) => run));
  return [...new Set([...now.running.map(({ run }) => run), ...waiting])];
}

/** What is asked of the list of runs. The address has the filters, so that a list can be passed on. */

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { ApplicationsPage } from '../../../protocol/console/applications.ts';
import { RUN_STATES } from '../../../protocol/console/runs.ts';
import { useResource } from '../../ask/resource.ts';
import { tenantPath } from '../../ask/tenant-path.ts';
import { runsPlace } from '../../places/places.ts';

/** Time without a key after which the text is asked for, ms. */
const SETTLED_MS = 300;

export interface RunFiltersProps {
  readonly tenant: string;
  readonly filters: Readonly<Record<string, string>>;
}

export function RunFilters({ tenant, filters }: RunFiltersProps) {
  const { route } = useLocation();
  const [text, setText] = useState(filters.q ?? '');
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const applications = useResource<ApplicationsPage>(tenantPath(tenant, 'applications'));
  /** The text that the address has, or will have once it is drawn. */
  const asked = useRef(filters.q ?? '');
  const present = useRef(filters);
  present.current = filters;
  useLayoutEffect(() => {
    // What is being typed is not replaced by the address that it brought about.
    if (filters.q === asked.current) return;
    asked.current = filters.q ?? '';
    setText(asked.current);
  }, [filters.q]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const set = (changed: Readonly<Record<string, string>>, replace = false) =>
    route(runsPlace(tenant, { ...present.current, q: asked.current, ...changed }), replace);
  const type = (value: string) => {
    setText(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      asked.current = value.trim();
      set({}, true);
    }, SETTLED_MS);
  };
  return (
    <form class="run-filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <label class="field run-q">
        <span>Run, call or request id</span>
        <input
          class="input"
          type="search"
          value={text}
          onInput={(event) => type(event.currentTarget.value)}
        />
      </label>
      <label class="field">
        <span>Application</span>
        <select
          class="input"
          value={filters.app}
          onChange={(event) => set({ app: event.currentTarget.value })}
        >
          <option value="">all</option>
          {optionsOf(applications.value, filters.app ?? '').map(({ app, label }) => (
            <option key={app} value={app}>
              {label === undefined ? app : `${label} (${app})`}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>State</span>
        <select
          class="input"
          value={filters.state}
          onChange={(event) => set({ state: event.currentTarget.value })}
        >
          <option value="">all</option>
          {RUN_STATES.map((state) => (
            <option key={state} value={state}>
              {state === 'live' ? 'in flight' : state}
            </option>
          ))}
        </select>
      </label>
      {(['from', 'to'] as const).map((name) => (
        <label key={name} class="field">
          <span>{name === 'from' ? 'Arrived from' : 'until'}</span>
          <input
            class="input"
            type="datetime-local"
            value={localOf(filters[name])}
            onChange={(event) => set({ [name]: epochOf(event.currentTarget.value) })}
          />
        </label>
      ))}
    </form>
  );
}

/** The application of the address is among them, though it may not be known yet. */
function optionsOf(page: ApplicationsPage | undefined, chosen: string) {
  const rows: ReadonlyArray<{ app: string; label?: string }> = page?.rows ?? [];
  return chosen === '' || rows.some(({ app }) => app === chosen)
    ? rows
    : [{ app: chosen }, ...rows];
}

/** Epoch ms of the address as the field's local time. */
function localOf(epochMs: string | undefined): string {
  const at = Number(epochMs);
  if (!epochMs || !Number.isFinite(at)) return '';
  const shift = new Date(at).getTimezoneOffset() * 60_000;
  return new Date(at - shift).toISOString().slice(0, 16);
}

function epochOf(local: string): string {
  const at = new Date(local).getTime();
  return Number.isFinite(at) ? String(at) : '';
}

/** The frame of all screens: navigation, the bar above, and what concerns the whole page. */

import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { LocationProvider, useLocation } from 'preact-iso';
import type { SessionView } from '../../protocol/console/session.ts';
import { follow, liveState } from '../live/live.ts';
import { ConfirmDialog } from '../parts/confirm.tsx';
import { FullText } from '../parts/full-text.tsx';
import { Icon } from '../parts/icons.tsx';
import { Notices } from '../parts/notices.tsx';
import { Banner, Empty } from '../parts/states.tsx';
import { readPlace, SCREEN_NAMES, SCREENS, type Screen, screenPlace } from '../places/places.ts';
import { onlyTenant, signOut, versionProblem } from '../session/session.ts';
import { Boundary } from './boundary.tsx';
import { DemoTraffic } from './demo-traffic.tsx';
import { LivePill } from './live-pill.tsx';
import { openPalette, Palette } from './palette.tsx';
import { Screens } from './screens.tsx';
import { TenantChooser } from './tenant-chooser.tsx';
import { ThemeButton } from './theme-button.tsx';

export function Frame({ view }: { readonly view: SessionView }) {
  return (
    <LocationProvider scope="/console">
      <Framed view={view} />
    </LocationProvider>
  );
}

function Framed({ view }: { readonly view: SessionView }) {
  const { path, route } = useLocation();
  const place = readPlace(path);
  const tenant = place?.tenant ?? null;
  const only = onlyTenant.value;

  useEffect(() => {
    if (tenant === null && only !== null) route(screenPlace(only, 'now'), true);
  }, [tenant, only, route]);
  useEffect(() => (tenant === null ? undefined : follow(tenant)), [tenant]);
  useTitle(place?.screen ?? null, tenant);
  const main = useFocusOnScreen(place?.screen ?? null);

  return (
    <div class="shell">
      <a class="skip" href="#main">
        Skip to the screen
      </a>
      <aside class="side">
        <a class="brand" href={tenant === null ? '/console' : screenPlace(tenant, 'now')}>
          <Icon name="brand" />
          Talaria
        </a>
        {tenant !== null && <Navigation tenant={tenant} current={place?.screen ?? 'now'} />}
        <div class="side-foot">
          <span title="The build of the service">{view.build}</span>
        </div>
      </aside>
      <div class="main">
        <Bar view={view} tenant={tenant} />
        <main class="screen" id="main" ref={main} tabIndex={-1}>
          <Warnings />
          <Boundary place={path}>
            {tenant === null ? <TenantChooser view={view} /> : <OfTenant tenant={tenant} />}
          </Boundary>
        </main>
      </div>
      <Palette tenant={tenant} />
      <ConfirmDialog />
      <FullText />
      <Notices />
    </div>
  );
}

function OfTenant({ tenant }: { readonly tenant: string }) {
  const state = liveState.value;
  if (state.kind === 'ended' && state.why === 'deleted') {
    return (
      <Empty title={`There is no tenant ${tenant}`} actions={<a href="/console">Other tenants</a>}>
        It was deleted, or its name is another. What a tenant learned goes with it.
      </Empty>
    );
  }
  return <Screens key={tenant} />;
}

function Navigation({ tenant, current }: { readonly tenant: string; readonly current: Screen }) {
  return (
    <nav class="nav" aria-label="Screens">
      {SCREENS.map((screen) => (
        <a
          key={screen}
          href={screenPlace(tenant, screen)}
          aria-current={screen === current ? 'page' : undefined}
        >
          <Icon name={screen} />
          <span class="cut">{SCREEN_NAMES[screen]}</span>
        </a>
      ))}
    </nav>
  );
}

function Bar({ view, tenant }: { readonly view: SessionView; readonly tenant: string | null }) {
  const many = view.tenants.length > 1 || view.after !== undefined;
  return (
    <header class="bar">
      {tenant !== null &&
        (many ? (
          <a class="button cut" href="/console" title="Choose another tenant">
            {tenant}
          </a>
        ) : (
          <strong class="cut">{tenant}</strong>
        ))}
      {tenant !== null && <LivePill />}
      <span class="bar-space" />
      {view.canGenerateTraffic && view.role === 'admin' && <DemoTraffic />}
      <button
        type="button"
        class="button"
        aria-label="Jump to ⌘K"
        title="Jump to a screen, application, run or call"
        onClick={openPalette}
      >
        <Icon name="search" />
        <kbd class="wide-only">⌘K</kbd>
      </button>
      <ThemeButton />
      <button
        type="button"
        class="icon-button"
        title={`Signed in as ${view.name}. Sign out`}
        aria-label="Sign out"
        onClick={() => signOut()}
      >
        <Icon name="out" />
      </button>
    </header>
  );
}

/** What is wrong with the whole page. */
function Warnings() {
  const versions = versionProblem.value;
  if (versions === null) return null;
  return (
    <Banner
      tone="bad"
      action={
        <button type="button" class="button" onClick={() => location.reload()}>
          Reload
        </button>
      }
    >
      {versions}
    </Banner>
  );
}

function useTitle(screen: Screen | null, tenant: string | null): void {
  useEffect(() => {
    document.title =
      screen === null || tenant === null
        ? 'Talaria'
        : `${SCREEN_NAMES[screen]} · ${tenant} · Talaria`;
  }, [screen, tenant]);
}

/** Tells a screen reader that another screen is there, by moving the focus to it. */
function useFocusOnScreen(screen: Screen | null) {
  const main = useRef<HTMLElement>(null);
  const before = useRef(screen);
  // At once: later it would take the focus from a field of the new screen.
  useLayoutEffect(() => {
    if (before.current !== screen) main.current?.focus({ preventScroll: true });
    before.current = screen;
  }, [screen]);
  return main;
}

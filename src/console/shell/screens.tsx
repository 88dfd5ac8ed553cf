/** Which screen answers which address; the code of each is loaded when it is first opened. */
import { Route, Router } from 'preact-iso';
import { type ScreenPage, screenPageOf } from '../../protocol/console/page-assets.ts';
import { type LateComponent, late } from '../parts/late.tsx';
import { Empty } from '../parts/states.tsx';
import { PATTERNS } from '../places/places.ts';

const Now = late(async () => (await import('../screens/now/now-screen.tsx')).NowScreen);
const Applications = late(
  async () => (await import('../screens/applications/applications-screen.tsx')).ApplicationsScreen,
);
const Application = late(
  async () => (await import('../screens/applications/application-screen.tsx')).ApplicationScreen,
);
const Runs = late(async () => (await import('../screens/runs/runs-screen.tsx')).RunsScreen);
const Run = late(async () => (await import('../screens/runs/run-screen.tsx')).RunScreen);
const Call = late(async () => (await import('../screens/runs/call-screen.tsx')).CallScreen);
const Warmth = late(async () => (await import('../screens/warmth/warmth-screen.tsx')).WarmthScreen);
const WhatIf = late(
  async () => (await import('../screens/what-if/what-if-screen.tsx')).WhatIfScreen,
);
const Settings = late(
  async () => (await import('../screens/settings/settings-screen.tsx')).SettingsScreen,
);

const OF_PAGE: Readonly<Record<ScreenPage, LateComponent<object>>> = {
  applications: Applications,
  application: Application,
  runs: Runs,
  run: Run,
  call: Call,
  warmth: Warmth,
  'what-if': WhatIf,
  settings: Settings,
};

/** Loads the code of the screen at an address, which the HTML has named to the browser already. */
export function loadScreen(path: string): Promise<void> {
  const page = screenPageOf(path);
  return (page === undefined ? Now : OF_PAGE[page]).ready();
}

export function Screens() {
  return (
    <Router>
      <Route path={PATTERNS.now} component={Now} />
      <Route path={PATTERNS.applications} component={Applications} />
      <Route path={PATTERNS.application} component={Application} />
      <Route path={PATTERNS.runs} component={Runs} />
      <Route path={PATTERNS.run} component={Run} />
      <Route path={PATTERNS.call} component={Call} />
      <Route path={PATTERNS.warmth} component={Warmth} />
      <Route path={PATTERNS.whatIf} component={WhatIf} />
      <Route path={PATTERNS.settings} component={Settings} />
      <Route default component={Unknown} />
    </Router>
  );
}

function Unknown() {
  return (
    <Empty title="There is no such screen" actions={<a href="/console">To the start</a>}>
      The address is of none.
    </Empty>
  );
}

/** The entry of the console's page. */
import { render } from 'preact';
import './styles/tokens.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/parts.css';
import './styles/table.css';
import './styles/chart.css';
import { askEarly, cameEarly } from './ask/resource.ts';
import { tenantPath } from './ask/tenant-path.ts';
import { begunAt } from './begin/begun.ts';
import { firstPaths } from './begin/first-paths.ts';
import { startClock } from './format/clock.ts';
import { startTheme } from './parts/theme.ts';
import { readPlace, screenPlace } from './places/places.ts';
import { onlyTenant, signedIn, startSession } from './session/session.ts';
import { App } from './shell/app.tsx';
import { loadScreen } from './shell/screens.tsx';

/** Time for which the first drawing waits for the screen's answers once all else is there, ms. */
const ANSWER_MS = 60;

const root = document.getElementById('console');
if (root) {
  startTheme();
  startClock(document);
  // An address that was mistyped or cut must not break the router.
  if (location.pathname.startsWith('/console/t/') && readPlace(location.pathname) === null) {
    history.replaceState(null, '', '/console');
  }
  void ready().then(() => render(<App />, root));
}

/**
 * The outline in the HTML stays until it is known who is signed in and the screen's code is there: then
 * the screen is drawn once, with what it shows, unless that is late.
 */
async function ready(): Promise<void> {
  const began = begunAt();
  const first = began === null ? [] : firstPaths(location, began).filter(isShort);
  const session = startSession();
  const answers = askEarly(first);
  await Promise.all([session, loadScreen(location.pathname)]);
  openOnly();
  if (first.length === 0 || signedIn.value === null) return;
  await Promise.race([answers, new Promise((done) => setTimeout(done, ANSWER_MS))]);
}

/** Who may look at one tenant only need not choose it. */
function openOnly(): void {
  const [only, view] = [onlyTenant.value, signedIn.value];
  if (only === null || readPlace(location.pathname) !== null) return;
  history.replaceState(null, '', screenPlace(only, 'now'));
  if (view?.first) cameEarly(tenantPath(only, 'now'), view.first);
}

/** A trace is long, and what asks for it says how far it is. */
function isShort(path: string): boolean {
  return !path.includes('/trace?');
}

/** The entry of the console's page. */
import { render } from 'preact';
import './styles/tokens.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/parts.css';
import './styles/table.css';
import './styles/chart.css';
import { startClock } from './format/clock.ts';
import { startTheme } from './parts/theme.ts';
import { readPlace } from './places/places.ts';
import { startSession } from './session/session.ts';
import { App } from './shell/app.tsx';

const root = document.getElementById('console');
if (root) {
  startTheme();
  startClock(document);
  // An address that was mistyped or cut must not break the router.
  if (location.pathname.startsWith('/console/t/') && readPlace(location.pathname) === null) {
    history.replaceState(null, '', '/console');
  }
  void startSession();
  render(<App />, root);
}

/**
 * The script that runs before the page's own code is there: it takes the token, sets the theme, and
 * asks what the page will ask first, so that the answers come while the code is still on its way. It is
 * built as one small file without imports.
 */
import { request } from '../ask/ask.ts';
import { applyTheme, storedTheme } from '../parts/stored-theme.ts';
import { takeToken } from '../session/token.ts';
import { firstPaths, sessionPath } from './first-paths.ts';

applyTheme(storedTheme());
const token = takeToken(window);
const at = Date.now();
const answers = new Map<string, Promise<Response>>();
if (token !== null) {
  // The outline of the page is drawn where a screen will come, and not where the sign-in form will.
  document.documentElement.dataset.begun = '';
  for (const path of [sessionPath(location), ...firstPaths(location, at)]) {
    const answer = request(path, { token });
    // Whoever takes it over is told; nobody may.
    answer.catch(() => {});
    answers.set(path, answer);
  }
}
globalThis.talariaBegun = { token, at, answers };

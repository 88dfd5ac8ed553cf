/**
 * The console's files, as the build writes them and the Worker finds them. There is one HTML a screen;
 * they differ in what the browser is told to load at once, so that a screen's code comes together with
 * the page's and not after it.
 */

/** Screens with an HTML of their own, `pages/NAME.html`; the start and Now have `index.html`. */
export const SCREEN_PAGES = [
  'applications',
  'application',
  'runs',
  'run',
  'call',
  'warmth',
  'what-if',
  'settings',
] as const;
export type ScreenPage = (typeof SCREEN_PAGES)[number];

const ADDRESS = /^\/console\/t\/[^/]+\/([^/]+)(\/[^/]+)?\/?$/;
/** By the address's word for the screen, with a name behind it and without. */
const OF_ALL: Readonly<Record<string, ScreenPage>> = {
  applications: 'applications',
  runs: 'runs',
  warmth: 'warmth',
  'what-if': 'what-if',
  settings: 'settings',
};
const OF_ONE: Readonly<Record<string, ScreenPage>> = {
  applications: 'application',
  runs: 'run',
  calls: 'call',
  settings: 'settings',
};

/** The HTML of an address; undefined for all that `index.html` answers. */
export function screenPageOf(path: string): ScreenPage | undefined {
  const [, screen = '', one] = ADDRESS.exec(path) ?? [];
  const pages = one === undefined ? OF_ALL : OF_ONE;
  return Object.hasOwn(pages, screen) ? pages[screen] : undefined;
}

/** A compressed copy beside a file, as the build writes it: its ending, and what HTTP calls it. */
export interface Coding {
  readonly name: 'br' | 'gzip';
  readonly ending: '.br' | '.gz';
}

/** The shortest first. */
export const CODINGS: readonly Coding[] = [
  { name: 'br', ending: '.br' },
  { name: 'gzip', ending: '.gz' },
];

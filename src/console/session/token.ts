/**
 * The token of the page: it comes in the link's fragment, which no server sees, or from the sign-in
 * form, and lives in the tab's session storage until the tab is closed.
 */

const STORED_AS = 'talaria.console.token';

/** The parts of a window that are needed. */
export interface TokenPlace {
  readonly location: Pick<Location, 'hash' | 'pathname' | 'search'>;
  readonly history: Pick<History, 'replaceState'>;
  readonly sessionStorage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
}

/** Takes the token out of the address, so that it is in no history and no screenshot. */
export function takeToken(place: TokenPlace): string | null {
  const { location, history } = place;
  const given = new URLSearchParams(location.hash.replace(/^#/, '')).get('token');
  if (given !== null) {
    history.replaceState(null, '', location.pathname + location.search);
    if (given !== '') keepToken(place, given);
  }
  return readToken(place);
}

/** Storage may be forbidden: then a token lasts as long as the page. */
export function keepToken({ sessionStorage }: Pick<TokenPlace, 'sessionStorage'>, token: string) {
  held = token;
  try {
    sessionStorage.setItem(STORED_AS, token);
  } catch {
    // The token is held in memory.
  }
}

export function forgetToken({ sessionStorage }: Pick<TokenPlace, 'sessionStorage'>): void {
  held = null;
  try {
    sessionStorage.removeItem(STORED_AS);
  } catch {
    // Nothing is stored there.
  }
}

let held: string | null = null;

function readToken({ sessionStorage }: Pick<TokenPlace, 'sessionStorage'>): string | null {
  try {
    held = sessionStorage.getItem(STORED_AS) ?? held;
  } catch {
    // Only what is held in memory.
  }
  return held;
}

/** The theme that was chosen on this machine; the system's where none was. */

export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const STORED_AS = 'talaria.console.theme';

export function storedTheme(): Theme {
  let stored: string | null = null;
  try {
    stored = localStorage.getItem(STORED_AS);
  } catch {
    // Storage is forbidden: the system's theme.
  }
  return THEMES.find((name) => name === stored) ?? 'auto';
}

export function storeTheme(chosen: Theme): void {
  try {
    localStorage.setItem(STORED_AS, chosen);
  } catch {
    // It lasts as long as the page.
  }
}

export function applyTheme(chosen: Theme): void {
  if (chosen === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}

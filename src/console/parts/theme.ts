/** The theme: that of the system, unless one was chosen on this machine. */
import { computed, signal } from '@preact/signals';

export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const STORED_AS = 'talaria.console.theme';

const dark = globalThis.matchMedia?.('(prefers-color-scheme: dark)');
const systemIsDark = signal(dark?.matches ?? false);
dark?.addEventListener('change', () => {
  systemIsDark.value = dark.matches;
});

export const theme = signal<Theme>('auto');

/** What is drawn. */
export const appliedTheme = computed(() =>
  theme.value === 'auto' ? (systemIsDark.value ? 'dark' : 'light') : theme.value,
);

export function startTheme(): void {
  let stored: string | null = null;
  try {
    stored = localStorage.getItem(STORED_AS);
  } catch {
    // Storage is forbidden: the system's theme.
  }
  chooseTheme(THEMES.find((name) => name === stored) ?? 'auto');
}

export function chooseTheme(chosen: Theme): void {
  theme.value = chosen;
  if (chosen === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  try {
    localStorage.setItem(STORED_AS, chosen);
  } catch {
    // It lasts as long as the page.
  }
}

/** The theme: that of the system, unless one was chosen on this machine. */
import { computed, signal } from '@preact/signals';
import { applyTheme, storedTheme, storeTheme, type Theme } from './stored-theme.ts';

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
  theme.value = storedTheme();
  applyTheme(theme.value);
}

export function chooseTheme(chosen: Theme): void {
  theme.value = chosen;
  applyTheme(chosen);
  storeTheme(chosen);
}

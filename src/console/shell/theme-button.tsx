/** Goes round the themes: as the system, light, dark. */
import { Icon, type IconName } from '../parts/icons.tsx';
import { THEMES, type Theme } from '../parts/stored-theme.ts';
import { chooseTheme, theme } from '../parts/theme.ts';

const ICONS: Readonly<Record<Theme, IconName>> = { auto: 'auto', light: 'sun', dark: 'moon' };

export function ThemeButton() {
  const current = theme.value;
  const next = THEMES[(THEMES.indexOf(current) + 1) % THEMES.length] ?? 'auto';
  const words = `Theme: ${current === 'auto' ? 'as the system' : current}`;
  return (
    <button
      type="button"
      class="icon-button"
      title={words}
      aria-label={words}
      onClick={() => chooseTheme(next)}
    >
      <Icon name={ICONS[current]} />
    </button>
  );
}

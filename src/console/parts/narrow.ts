/** Whether the page is as narrow as a phone; follows the window. */
import { signal } from '@preact/signals';

const query = globalThis.matchMedia?.('(max-width: 760px)');
const narrow = signal(query?.matches ?? false);
query?.addEventListener('change', () => {
  narrow.value = query.matches;
});

export function useNarrow(): boolean {
  return narrow.value;
}

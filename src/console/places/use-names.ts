/** The names in the present address, as the patterns of places.ts call them. */
import { useRoute } from 'preact-iso';
import { namesIn } from './places.ts';

export function useNames(): Readonly<Record<string, string>> {
  return namesIn(useRoute().params);
}

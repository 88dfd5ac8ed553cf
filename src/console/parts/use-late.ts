/** Code that a part of a screen needs, but not for what it shows first. */
import { useEffect, useState } from 'preact/hooks';

const loaded = new WeakMap<() => Promise<unknown>, unknown>();

/**
 * Loads it once the part is drawn; undefined until then, and for as long as it cannot be loaded.
 * `load` is one function for the whole page.
 */
export function useLate<T>(load: () => Promise<T>): T | undefined {
  const [code, setCode] = useState<T | undefined>(() => loaded.get(load) as T | undefined);
  useEffect(() => {
    if (code !== undefined) return;
    let open = true;
    load().then(
      (now) => {
        loaded.set(load, now);
        if (open) setCode(() => now);
      },
      () => {},
    );
    return () => {
      open = false;
    };
  }, [code, load]);
  return code;
}

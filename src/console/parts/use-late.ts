/** Code that a part of a screen needs, but not for what it shows first. */
import { useEffect, useState } from 'preact/hooks';

export type LateCode<T> =
  | { readonly kind: 'loading' }
  | { readonly kind: 'loaded'; readonly code: T }
  /** There is no network, or the service was deployed anew since the page was opened. */
  | { readonly kind: 'failed' };

const loaded = new WeakMap<() => Promise<unknown>, unknown>();

/** Loads it once the part is drawn. `load` is one function for the whole page. */
export function useLate<T>(load: () => Promise<T>): LateCode<T> {
  const [state, setState] = useState<LateCode<T>>(() =>
    loaded.has(load) ? { kind: 'loaded', code: loaded.get(load) as T } : { kind: 'loading' },
  );
  const { kind } = state;
  useEffect(() => {
    if (kind !== 'loading') return;
    let open = true;
    load().then(
      (code) => {
        loaded.set(load, code);
        if (open) setState({ kind: 'loaded', code });
      },
      () => {
        if (open) setState({ kind: 'failed' });
      },
    );
    return () => {
      open = false;
    };
  }, [kind, load]);
  return state;
}

/** Loads a tenant's recorded runs. */
import { useCallback, useEffect, useState } from 'preact/hooks';
import { problem } from '../../ask/ask.ts';
import type { Problem } from '../../ask/problem.ts';
import { tracePath } from '../../ask/tenant-path.ts';
import { askAs } from '../../session/session.ts';
import { readTrace, type Trace } from './trace.ts';

export type LoadedTrace =
  | { readonly kind: 'loading' }
  | { readonly kind: 'failed'; readonly problem: Problem }
  | { readonly kind: 'loaded'; readonly trace: Trace };

export function useTrace(tenant: string): { readonly loaded: LoadedTrace; reload(): void } {
  const [loaded, setLoaded] = useState<LoadedTrace>({ kind: 'loading' });
  const [round, setRound] = useState(0);
  const reload = useCallback(() => setRound((n) => n + 1), []);
  useEffect(() => {
    const abort = new AbortController();
    setLoaded({ kind: 'loading' });
    load(tenant, abort.signal).then(setLoaded, (error: unknown) => {
      if (!abort.signal.aborted) throw error;
    });
    return () => abort.abort();
  }, [tenant, round]);
  return { loaded, reload };
}

async function load(tenant: string, signal: AbortSignal): Promise<LoadedTrace> {
  const answer = await askAs<string>(tracePath(tenant), { signal, read: 'text' });
  if (!answer.ok) return { kind: 'failed', problem: answer.problem };
  const trace = readTrace(answer.value);
  if (trace) return { kind: 'loaded', trace };
  const message = 'The recorded runs are in a form that this page does not know.';
  return { kind: 'failed', problem: problem('unreadable', 200, message) };
}

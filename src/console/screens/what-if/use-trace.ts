/** Loads a tenant's recorded runs. */
import { useCallback, useEffect, useState } from 'preact/hooks';
import { MOST_TRACE_RUNS } from '../../../protocol/console/trace.ts';
import { problem, problemOf, request } from '../../ask/ask.ts';
import type { Problem } from '../../ask/problem.ts';
import { currentToken } from '../../session/session.ts';
import { readTrace, type Trace } from './trace.ts';

export type LoadedTrace =
  | { readonly kind: 'loading' }
  | { readonly kind: 'failed'; readonly problem: Problem }
  | { readonly kind: 'loaded'; readonly trace: Trace };

/** `limit`: the newest runs, at most. */
export function useTrace(
  tenant: string,
  limit = MOST_TRACE_RUNS,
): { readonly loaded: LoadedTrace; reload(): void } {
  const [loaded, setLoaded] = useState<LoadedTrace>({ kind: 'loading' });
  const [round, setRound] = useState(0);
  const reload = useCallback(() => setRound((n) => n + 1), []);
  useEffect(() => {
    const abort = new AbortController();
    setLoaded({ kind: 'loading' });
    load(tenant, limit, abort.signal).then(setLoaded, (error: unknown) => {
      if (!abort.signal.aborted) throw error;
    });
    return () => abort.abort();
  }, [tenant, limit, round]);
  return { loaded, reload };
}

async function load(tenant: string, limit: number, signal: AbortSignal): Promise<LoadedTrace> {
  const path = `tenants/${encodeURIComponent(tenant)}/trace?limit=${limit}`;
  let response: Response;
  let text: string;
  try {
    response = await request(path, { token: currentToken(), signal });
    text = await response.text();
  } catch (error) {
    if (signal.aborted) throw error;
    return { kind: 'failed', problem: problem('offline', 0, 'No answer came.') };
  }
  if (!response.ok) return { kind: 'failed', problem: problemOf(response, parsed(text)) };
  const trace = readTrace(text);
  if (trace) return { kind: 'loaded', trace };
  const message = 'The recorded runs are in a form that this page does not know.';
  return { kind: 'failed', problem: problem('unreadable', response.status, message) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Runs replays in a web worker: how far they are, their results, and how they are cancelled. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { Replay } from './replay.ts';
import type { ReplayOrder, ReplayWord } from './replay-worker.ts';
import type { Scenario } from './scenario.ts';
import type { Trace } from './trace.ts';

export type ReplayState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'running'; readonly share: number }
  | { readonly kind: 'failed'; readonly message: string }
  /** One for each scenario. */
  | { readonly kind: 'done'; readonly replays: readonly Replay[] };

/** Of one trace as long as it lives. A scenario is replayed once: the outcome would be the same. */
export function useReplay(trace: Trace): {
  readonly state: ReplayState;
  start(scenarios: readonly Scenario[]): void;
  cancel(): void;
} {
  const [state, setState] = useState<ReplayState>({ kind: 'idle' });
  const worker = useRef<Worker | null>(null);
  const known = useRef(new Map<string, Replay>());
  const end = useCallback(() => {
    worker.current?.terminate();
    worker.current = null;
  }, []);
  useEffect(() => end, [end]);

  const start = useCallback(
    (scenarios: readonly Scenario[]) => {
      end();
      const names = scenarios.map((scenario) => JSON.stringify(scenario));
      const missing = new Map(
        scenarios.flatMap((scenario, i) =>
          known.current.has(names[i] ?? '') ? [] : [[names[i] ?? '', scenario] as const],
        ),
      );
      const show = () =>
        setState({
          kind: 'done',
          replays: names.flatMap((name) => known.current.get(name) ?? []),
        });
      if (missing.size === 0) return show();
      const made = new Worker(new URL('./replay-worker.ts', import.meta.url), { type: 'module' });
      worker.current = made;
      setState({ kind: 'running', share: 0 });
      made.addEventListener('message', ({ data: word }: MessageEvent<ReplayWord>) => {
        if (word.type === 'progress') return setState({ kind: 'running', share: word.share });
        end();
        if (word.type === 'failed') return setState({ kind: 'failed', message: word.message });
        [...missing.keys()].forEach((name, i) => {
          const replay = word.replays[i];
          if (replay) known.current.set(name, replay);
        });
        show();
      });
      made.addEventListener('error', (event) => {
        end();
        setState({ kind: 'failed', message: event.message || 'The replay could not be loaded.' });
      });
      made.postMessage({ trace, scenarios: [...missing.values()] } satisfies ReplayOrder);
    },
    [end, trace],
  );
  const cancel = useCallback(() => {
    end();
    setState({ kind: 'idle' });
  }, [end]);
  return { state, start, cancel };
}

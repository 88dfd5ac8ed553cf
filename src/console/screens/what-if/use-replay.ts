/** Runs replays in a web worker: how far they are, their results, and how they are cancelled. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { Replay } from './replay.ts';
import type { ReplayOrder, ReplayWord } from './replay-worker.ts';
import type { Scenario } from './scenario.ts';

export type ReplayState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'running'; readonly share: number }
  | { readonly kind: 'failed'; readonly message: string }
  | {
      readonly kind: 'done';
      readonly scenarios: readonly Scenario[];
      readonly replays: readonly Replay[];
    };

export function useReplay(): {
  readonly state: ReplayState;
  start(order: ReplayOrder): void;
  cancel(): void;
} {
  const [state, setState] = useState<ReplayState>({ kind: 'idle' });
  const worker = useRef<Worker | null>(null);
  const end = useCallback(() => {
    worker.current?.terminate();
    worker.current = null;
  }, []);
  useEffect(() => end, [end]);

  const start = useCallback(
    (order: ReplayOrder) => {
      end();
      const made = new Worker(new URL('./replay-worker.ts', import.meta.url), { type: 'module' });
      worker.current = made;
      setState({ kind: 'running', share: 0 });
      made.addEventListener('message', ({ data: word }: MessageEvent<ReplayWord>) => {
        if (word.type === 'progress') return setState({ kind: 'running', share: word.share });
        end();
        if (word.type === 'failed') return setState({ kind: 'failed', message: word.message });
        setState({ kind: 'done', scenarios: order.scenarios, replays: word.replays });
      });
      made.addEventListener('error', (event) => {
        end();
        setState({ kind: 'failed', message: event.message || 'The replay could not be loaded.' });
      });
      made.postMessage(order);
    },
    [end],
  );
  const cancel = useCallback(() => {
    end();
    setState({ kind: 'idle' });
  }, [end]);
  return { state, start, cancel };
}

/** The load of the tenant that is followed, as the page has heard it: a ring in the page's memory. */
import { effect, signal } from '@preact/signals';
import { exactNow } from '../format/clock.ts';
import { followsNow, nowView } from './live.ts';

export interface LoadSample {
  readonly at: number;
  /** Null from when on nothing was heard. */
  readonly waiting: number | null;
  readonly running: number | null;
}

const SPAN_MS = 600_000;
/** Samples nearer than this replace each other. */
const LEAST_GAP_MS = 1_000;

export const loadHistory = signal<readonly LoadSample[]>([]);

/** The history with a sample more, without what is too old. */
export function withSample(history: readonly LoadSample[], sample: LoadSample): LoadSample[] {
  const kept = history.filter(({ at }) => at > sample.at - SPAN_MS && at < sample.at);
  const before = kept.at(-2);
  if (before && kept.length > 1 && sample.at - before.at < LEAST_GAP_MS) kept.pop();
  return [...kept, sample];
}

effect(() => {
  const view = nowView.value;
  if (!view) {
    loadHistory.value = [];
    return;
  }
  const waiting = view.backends.reduce((sum, { waitingCalls }) => sum + waitingCalls, 0);
  const running = view.backends.reduce((sum, { runningCalls }) => sum + runningCalls, 0);
  loadHistory.value = withSample(loadHistory.peek(), { at: view.at, waiting, running });
});

effect(() => {
  const history = loadHistory.peek();
  if (followsNow.value || history.length === 0) return;
  loadHistory.value = withSample(history, { at: exactNow(), waiting: null, running: null });
});

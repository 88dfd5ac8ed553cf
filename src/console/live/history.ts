/** The load of the tenant that is followed, as the page has heard it: a ring in the page's memory. */
import { effect, signal } from '@preact/signals';
import { nowView } from './live.ts';

export interface LoadSample {
  readonly at: number;
  readonly waiting: number;
  readonly running: number;
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

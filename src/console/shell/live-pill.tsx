/** Says how fresh the page is. */
import { now } from '../format/clock.ts';
import { absolute, wholeSeconds } from '../format/duration.ts';
import { FULL_HINT, liveState } from '../live/live.ts';
import type { LiveState } from '../live/stream.ts';

export function LivePill() {
  const state = liveState.value;
  return (
    <span class="live" data-state={state.kind} title={hintOf(state)}>
      <i aria-hidden="true" />
      {wordsOf(state)}
    </span>
  );
}

function wordsOf(state: LiveState): string {
  switch (state.kind) {
    case 'live':
      return 'Live';
    case 'connecting':
      return 'Connecting';
    case 'stale':
      return `Stale for ${wholeSeconds(now.value - state.since)}`;
    case 'full':
      return 'Not live';
    case 'paused':
      return 'Paused';
    case 'ended':
      return state.why === 'deleted' ? 'No such tenant' : 'Signed out';
    default:
      return state satisfies never;
  }
}

function hintOf(state: LiveState): string {
  switch (state.kind) {
    case 'stale':
      return `Nothing heard since ${absolute(state.since)}. The page connects again by itself.`;
    case 'full':
      return FULL_HINT;
    case 'paused':
      return 'The tab is hidden.';
    default:
      return '';
  }
}

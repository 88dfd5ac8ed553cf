/**
 * The web worker of the screen What if. It gets a trace and scenarios once, and answers with words
 * about the progress, then a replay for each scenario. It is ended by the page to cancel.
 */
import { type Replay, replay } from './replay.ts';
import type { Scenario } from './scenario.ts';
import type { Trace } from './trace.ts';

export interface ReplayOrder {
  readonly trace: Trace;
  readonly scenarios: readonly Scenario[];
}

export type ReplayWord =
  | { readonly type: 'progress'; readonly share: number }
  | { readonly type: 'done'; readonly replays: readonly Replay[] }
  | { readonly type: 'failed'; readonly message: string };

const say = (word: ReplayWord) => postMessage(word);

addEventListener('message', ({ data }: MessageEvent<ReplayOrder>) => {
  const { trace, scenarios } = data;
  try {
    const replays = scenarios.map((scenario, i) =>
      replay(trace, scenario, (share) =>
        say({ type: 'progress', share: (i + share) / scenarios.length }),
      ),
    );
    say({ type: 'done', replays });
  } catch (error) {
    say({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
  }
});

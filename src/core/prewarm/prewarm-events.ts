/** What can happen to endpoints, and what prewarming wants done with them: a part of the dispatcher's events and effects. */
import type { Wake, WakeOutcome } from '../backends/endpoint-state.ts';

export type PrewarmEvent =
  | {
      readonly type: 'wake-answered';
      readonly backend: string;
      readonly endpoint: string;
      readonly ok: boolean;
      /** Time from the wake call to its answer; absent where nothing was measured. */
      readonly tookMs?: number;
    }
  | { readonly type: 'gone-cold'; readonly backend: string; readonly endpoint: string }
  /** Look ahead beyond each cold start by so many ms; the cron's period. */
  | { readonly type: 'forecast'; readonly aheadMs: number };

export type PrewarmEffect =
  | {
      readonly type: 'wake';
      readonly backend: string;
      readonly endpoint: string;
      readonly wake: Wake;
      /** Only recorded: prewarming is in dry-run. */
      readonly dryRun: boolean;
      /** After so long without an answer it is given up, ms. */
      readonly patienceMs: number;
    }
  /** The forecast asks for a wake that the day's budget does not allow: only recorded. */
  | {
      readonly type: 'over-budget';
      readonly backend: string;
      readonly endpoint: string;
      readonly wake: Wake;
    }
  /** An idle endpoint that can be told so is to go cold. */
  | {
      readonly type: 'release';
      readonly backend: string;
      readonly endpoint: string;
      readonly at: number;
      readonly reason: string;
      readonly probability: number;
    }
  | {
      readonly type: 'wake-settled';
      readonly backend: string;
      readonly endpoint: string;
      readonly wake: Wake;
      readonly outcome: WakeOutcome;
    };

/** Where effects are appended; the dispatcher's own list takes them among others. */
export interface PrewarmEffects {
  push(effect: PrewarmEffect): unknown;
}

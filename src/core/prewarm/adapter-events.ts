/**
 * The events and effects of adapters' loads: plain data, a part of the dispatcher's events and
 * effects (dispatch-events.ts).
 */
import type { AdapterLoad, LoadOutcome, LoadReport } from '../adapters/adapter-load.ts';

/** The requests of a load have ended. */
export interface AdapterAnswer extends LoadReport {
  readonly type: 'adapter-answered';
  readonly backend: string;
  readonly endpoint: string;
  readonly adapter: string;
  /** The `at` of the load that is answered. */
  readonly loadAt: number;
}

export type AdapterEffect =
  /** Ask an engine to load an adapter. */
  | {
      readonly type: 'adapter-load';
      readonly backend: string;
      readonly endpoint: string;
      readonly load: AdapterLoad;
      /** True where the load is only recorded, since prewarming is in `dry-run` mode. */
      readonly dryRun: boolean;
      /** Time without an answer after which it is given up, ms. */
      readonly patienceMs: number;
      /** Adapters that are not known to be there, and may go where the engine has no room. */
      readonly spare: readonly string[];
    }
  /** It became known how a load turned out. */
  | {
      readonly type: 'adapter-settled';
      readonly backend: string;
      readonly endpoint: string;
      readonly load: AdapterLoad;
      readonly outcome: LoadOutcome;
    };

/** A list that effects are appended to; the dispatcher's list also takes other effects. */
export interface AdapterEffects {
  push(effect: AdapterEffect): unknown;
}

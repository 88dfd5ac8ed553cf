/**
 * Adapters (LoRA) of an endpoint's base model, as data: what a backend has configured, a load that
 * an engine is asked for, and how it ended. What an endpoint holds is in endpoint-adapters.ts.
 */

/** The adapters of a backend. */
export interface AdaptersSpec {
  /** Where an engine finds each of them, by the model that calls ask for. */
  readonly sources: ReadonlyMap<string, string>;
  /** Time that a load takes, ms; used until one was measured. */
  readonly loadMs: number;
}

/** Why an adapter is loaded: calls wait for it, or a need is forecast. */
export type LoadCause = 'demand' | 'prewarm';

/** How a load ahead of need turned out; `late`: the first call still waited for it. */
export type LoadOutcome = 'used' | 'late' | 'wasted' | 'failed';

export interface AdapterLoad {
  readonly adapter: string;
  readonly source: string;
  /** When it began, epoch ms; names it together with the adapter. */
  readonly at: number;
  readonly cause: LoadCause;
  /** Explanation for people. */
  readonly reason: string;
  /** Probability of need that the forecast gave; 1 for demand. */
  readonly probability: number;
  /** Adapters that are unloaded first. */
  readonly unload: readonly string[];
}

/** How the requests of a load ended. */
export interface LoadReport {
  readonly ok: boolean;
  /** Adapters that were unloaded, or were not there. */
  readonly unloaded?: readonly string[];
  /** The last answer was lost: nobody knows whether what was asked for was done. */
  readonly isUnsure?: boolean;
  /** The engine had it already, so the time says nothing of a load. */
  readonly wasThere?: boolean;
  /** Time that it took, ms; absent where nothing was measured. */
  readonly tookMs?: number;
  /** Why it failed, for the operator. */
  readonly reason?: string;
}

/**
 * What a tenant's object asks of endpoints beside calls, and what comes of it: wakes, releases, loads
 * of adapters, and prefixes that are read ahead.
 */
import type { LoadReport } from '../core/adapters/adapter-load.ts';
import type { KeptPrefix } from '../core/runs/prefix.ts';

export type { KeptPrefix, LoadReport };

/** An endpoint that is to be woken or released. */
export interface PingOrder {
  readonly backend: string;
  readonly endpoint: string;
  /** Time after which the wake is given up, ms. */
  readonly patienceMs?: number;
  /** The model that is needed; the backend's first where absent. */
  readonly model?: string;
  /** The wake that the order is for, by the time at which it began, epoch ms. */
  readonly wakeAt?: number;
}

/** An adapter that an endpoint is to load. */
export interface AdapterOrder extends PingOrder {
  readonly adapter: string;
  readonly source: string;
  /** Names the load together with the adapter, epoch ms. */
  readonly loadAt: number;
  readonly patienceMs: number;
  /** Adapters that are unloaded first, and those that may be where there is no room. */
  readonly unload: readonly string[];
  readonly spare: readonly string[];
}

/** Longest body of one, bytes. */
export const MAX_PREFIX_BYTES = 262_144;

/** The beginning of prompts, as the request by which an endpoint reads it. */
export interface PrefixText extends KeptPrefix {
  /** Path after the endpoint's URL. */
  readonly path: string;
  readonly body: string;
}

/** A prefix that an endpoint is to read ahead of a call. */
export interface PrefixOrder extends PingOrder {
  readonly link: string;
  /** Names the read together with the endpoint, epoch ms. */
  readonly readAt: number;
  readonly patienceMs: number;
}

/** How the requests that wake an endpoint ended. */
export interface WakeReport {
  readonly ok: boolean;
  /** Time since the wake of the order began, ms. */
  readonly tookMs: number;
  /** Answers of "not ready" before that; absent where nobody counted. */
  readonly refusals?: number;
  /** Time before the end in which it may have become ready unnoticed, ms; absent for none. */
  readonly unnoticedMs?: number;
  /** The same where the platform holds requests until it is ready, ms. */
  readonly unansweredMs?: number;
  /** The last request was held until it was ready. */
  readonly wasHeld?: boolean;
  /** Why it failed, for the operator, without the endpoint's key. */
  readonly reason?: string;
}

/**
 * The events that prewarming reacts to, and the effects that it asks for: plain data, a part of the
 * dispatcher's events and effects (dispatch-events.ts).
 */
import type { Wake, WakeOutcome } from '../backends/endpoint-state.ts';
import type { AdapterAnswer, AdapterEffect, AdapterEffects } from './adapter-events.ts';
import type { EndpointOrder, OrderOutcome } from './endpoint-orders.ts';
import type { PrefixEffect, PrefixEffects, PrefixEvent } from './prefix-events.ts';

export type PrewarmEvent =
  | {
      readonly type: 'wake-answered';
      readonly backend: string;
      readonly endpoint: string;
      readonly ok: boolean;
      /** The `at` of the wake that is answered; absent: the endpoint's last wake. */
      readonly wakeAt?: number;
      /** Time from the beginning of that wake to its answer; absent where nothing was measured. */
      readonly tookMs?: number;
      /** Answers of "not ready" before it was ready, or failed; absent where nobody counted. */
      readonly refusals?: number;
      /** Time before the answer in which it may have become ready unnoticed, ms. */
      readonly unnoticedMs?: number;
      /** The same where the platform holds requests until it is ready, ms. */
      readonly unansweredMs?: number;
      /** The last request was held until it was ready. */
      readonly wasHeld?: boolean;
      /** Why the wake failed, for the operator. */
      readonly reason?: string;
    }
  | {
      readonly type: 'release-answered';
      readonly backend: string;
      readonly endpoint: string;
      /** The endpoint is cold. */
      readonly ok: boolean;
      /** Why it is not, for the operator. */
      readonly reason?: string;
    }
  | AdapterAnswer
  | PrefixEvent
  /** The administrator orders an endpoint to do something. */
  | {
      readonly type: 'endpoint-ordered';
      readonly backend: string;
      readonly endpoint: string;
      readonly order: EndpointOrder;
    }
  | { readonly type: 'gone-cold'; readonly backend: string; readonly endpoint: string }
  /** Check all backends, looking ahead by the cold start plus `aheadMs`, the cron's period. */
  | { readonly type: 'forecast'; readonly aheadMs: number };

export type PrewarmEffect =
  | {
      readonly type: 'wake';
      readonly backend: string;
      readonly endpoint: string;
      readonly wake: Wake;
      /** True where the wake is only recorded, since prewarming is in `dry-run` mode. */
      readonly dryRun: boolean;
      /** Time without an answer after which the wake is given up, ms. */
      readonly patienceMs: number;
      /** The model that is needed, where a call has asked for one. */
      readonly model?: string;
    }
  /** The forecast asks for a wake that the day's budget does not allow; it is only recorded. */
  | {
      readonly type: 'over-budget';
      readonly backend: string;
      readonly endpoint: string;
      readonly wake: Wake;
    }
  /** Tell an idle, releasable endpoint to go cold. */
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
      /** Warm time from the wake until its first call, or until it ended without one, ms. */
      readonly warmMs: number;
      /** The price of that; 0 where none is configured. */
      readonly money: number;
    }
  /** How an order of the administrator ended. */
  | {
      readonly type: 'order-answered';
      readonly backend: string;
      readonly endpoint: string;
      readonly order: EndpointOrder;
      readonly outcome: OrderOutcome;
    };

/** A list that effects are appended to; the dispatcher's list also takes other effects. */
export interface PrewarmEffects extends AdapterEffects, PrefixEffects {
  push(effect: PrewarmEffect | AdapterEffect | PrefixEffect): unknown;
}

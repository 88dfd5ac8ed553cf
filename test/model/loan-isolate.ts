/**
 * An isolate of the Worker in the model: its loans, as src/calls keeps them, and the requests that it
 * handles. What it does with a loan is watched from here, and not asked of the loan.
 */

import type { Slot } from '../../src/calls/admission.ts';
import { LentSlots } from '../../src/calls/lent-slots.ts';
import type { Loan } from '../../src/calls/loan.ts';
import type { TenantConfig } from '../../src/config/schema.ts';
import type { LoadedTenant } from '../../src/config/store.ts';
import type { CallResult } from '../../src/core/runs/call-result.ts';
import type { EnqueueRequest, Grant } from '../../src/protocol/admission.ts';
import type { Clock, Handling, Link } from './loan-link.ts';

/** What the isolate has heard of a loan, in elapsed ms. */
export interface Heard {
  readonly loanId: string;
  readonly version: number;
  /** When it was last told that the loan goes on. */
  at: number;
  isRecalled: boolean;
  /** It is returned, or on its way: calls that end then tell of themselves. */
  isReturned?: boolean;
  /** How much longer it may be silent than the isolate's clock tells, ms. */
  slackMs: number;
  /** Its tenant was deleted since. */
  isOfDeleted?: boolean;
}

/** A clock that goes back by more shows a loan as unheard of. */
const MOST_SLACK_MS = 6_000;

export class ModelIsolate {
  readonly link: Link = { latencyMs: 2, isMute: false, losing: 0 };
  /** The longest way of a message that it has had, ms. */
  longestWayMs = 2;
  readonly clock: Clock = { aheadMs: 0 };
  readonly slots: LentSlots;
  /** Requests that have not ended, with those that only hold a loan still. */
  readonly handled = new Set<Handling>();
  readonly heard = new Map<string, Heard>();
  /** The configuration that it knows. */
  loaded: LoadedTenant;
  isDead = false;
  /** Until when calls on its slots may end untold, in elapsed ms: who held its loan has died. */
  untoldUntil = -Infinity;
  /** Since when nothing passes between it and the object, in elapsed ms. */
  muteSince = Infinity;
  /** The loan on whose slot the next call begins. */
  #taken: string | undefined;

  constructor(loaded: LoadedTenant, now: () => number) {
    this.loaded = loaded;
    this.slots = this.#watched(now);
  }

  /** Its messages take so long from now on, ms. */
  lag(latencyMs: number): void {
    this.link.latencyMs = latencyMs;
    this.longestWayMs = Math.max(this.longestWayMs, latencyMs);
  }

  /** Its clock jumps. */
  jump(ms: number): void {
    this.clock.aheadMs += ms;
    if (ms >= -MOST_SLACK_MS)
      for (const heard of this.heard.values()) heard.slackMs += Math.max(0, -ms);
  }

  /** The loan of the slot that was just taken. */
  takenLoan(): Heard | undefined {
    const { heard } = this;
    const found = this.#taken === undefined ? undefined : heard.get(this.#taken);
    this.#taken = undefined;
    return found;
  }

  #watched(now: () => number): LentSlots {
    const slots = new LentSlots();
    const { take, accept } = slots;
    const ids = new WeakMap<Loan, string>();
    slots.take = (request: EnqueueRequest, config: TenantConfig, at: number) => {
      const taken = take.call(slots, request, config, at);
      if (taken.slot) this.#taken = ids.get(taken.slot.loan) ?? 'unknown';
      return taken;
    };
    slots.accept = (request: EnqueueRequest, grant: Grant, config: TenantConfig) => {
      const loan = accept.call(slots, request, grant, config);
      if (!loan || !grant.loan) return loan;
      const { loanId } = grant.loan;
      ids.set(loan, loanId);
      const { version } = request;
      this.heard.set(loanId, { loanId, version, at: now(), isRecalled: false, slackMs: 0 });
      return loan;
    };
    return slots;
  }
}

export interface CallFields {
  readonly takesMs: number;
  readonly app?: string;
  readonly runId?: string;
  readonly final?: boolean;
  readonly unit?: string;
  /** Its output tokens, unlike those of all others; absent: counted. */
  readonly tokens?: number;
  /** How it ends; absent: `ok`. */
  readonly ends?: AttemptEnd;
  /** It was charged before, so that it may not borrow. */
  readonly isPlain?: boolean;
}

/** A call of an isolate. */
export interface LoanCall {
  readonly request: EnqueueRequest;
  readonly isolate: ModelIsolate;
  readonly handling: Handling;
  /** How long its endpoint takes for it, ms. */
  readonly takesMs: number;
  readonly ends: AttemptEnd;
  /** Its output tokens are unique. */
  readonly tokens: number;
  state: 'asking' | 'running' | 'over';
  /** How its wait ended. */
  answer: 'granted' | 'refused' | 'unavailable' | undefined;
  isBorrowed: boolean;
  /** The loan on whose slot it began. */
  loan: Heard | undefined;
  /** Attempts at endpoints. */
  attempts: number;
  endpoint: string | undefined;
  /** The time from which the endpoint no longer has it, in elapsed ms. */
  leavesAt: number;
  slot: Slot | undefined;
  /** Ends the present attempt. */
  end: ((how: AttemptEnd) => void) | undefined;
  leave: () => void;
  /** Loans that its request holds. */
  holds: number;
  /** It may have lost its slot, since its isolate was mute for long. */
  isExcused: boolean;
  /** Since when it asks for a slot, in elapsed ms. */
  askedAt: number;
  /** What its Worker reported at last. */
  reported: CallResult['outcome'] | undefined;
  /** When its end was told, in elapsed ms. */
  endedAt: number;
  /** The incarnation of the object in which it waits or has waited. */
  queuedIn: number;
  /** Its isolate or the request that held its loan died before it was told. */
  mayBeLost: boolean;
  /** It told of a failed attempt, which is the call's end where its isolate dies before the answer. */
  toldFailure: boolean;
}

/**
 * How an attempt ends: `again` where it failed before the client had received a byte; `busy`, `cold`:
 * its endpoint refused it.
 */
export type AttemptEnd = 'ok' | 'failed' | 'again' | 'busy' | 'cold' | 'left';

/**
 * Charges calls to the rate limits of their API keys, and keeps the call log. It stands beside the
 * dispatcher, which knows neither API keys nor the log. The charge is an estimate on arrival, and
 * is refunded or corrected when the call is over. The buckets are in src/core/limits/key-limits.ts.
 */
import type { Effect } from '../../src/core/dispatch/dispatch-events.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import {
  type Gauges,
  KeyLimits,
  type RateAnswer,
  type RateLimits,
  type RequestCharge,
  type Took,
} from '../../src/core/limits/key-limits.ts';
import type { LiveCall } from '../../src/core/runs/live-run.ts';
import type {
  CallResult,
  EnqueueRequest,
  Refusal,
  RefusedCode,
} from '../../src/protocol/admission.ts';
import { CallLog } from './call-log.ts';
import { refusal } from './refusal.ts';

const NO_TOKENS: Took = { inputTokens: 0, outputTokens: 0 };

export class CallAccounting {
  readonly log = new CallLog();
  readonly #limits = new KeyLimits();
  readonly #limitsOf: (keyId: string) => RateLimits;

  constructor(limitsOf: (keyId: string) => RateLimits) {
    this.#limitsOf = limitsOf;
  }

  /** Opens the call's log entry and charges its API key; a refusal where a limit is exceeded. */
  charge(request: EnqueueRequest, now: number): Refusal | undefined {
    return this.#charge(request, now, false);
  }

  /** The same of a call that runs already, which no limit refuses. */
  begun(request: EnqueueRequest, now: number): void {
    this.#charge(request, now, true);
  }

  /** Charges requests of an API key that are no calls. */
  chargeRequests(keyId: string, count: number, now: number): RequestCharge {
    return this.#limits.charge(keyId, count, this.#limitsOf(keyId), now);
  }

  /** State of the limits of an API key. */
  gauges(keyId: string, now: number): Gauges {
    return this.#limits.gauges(keyId, this.#limitsOf(keyId), now);
  }

  /** Position and expected wait of a queued call, which are also recorded in its log entry. */
  placeInQueue(dispatcher: Dispatcher, callId: string): { position: number; etaMs: number } {
    const call = dispatcher.call(callId);
    const backend = call && dispatcher.backends.get(call.request.backend);
    if (!backend) return { position: 0, etaMs: 0 };
    // A call that pauses after a refusal has no place yet.
    const now = Date.now();
    const { position = 0, waitMs = backend.waits.lastMs(now) } = dispatcher.place(call, now) ?? {};
    const place = { position, etaMs: waitMs };
    const rank = dispatcher.queueRank(call);
    this.log.queued(call, { ...place, ...(rank ? { standing: rank } : {}) });
    return place;
  }

  /** Records an effect in the log, and settles the charge of a call that it ends. */
  observe(effect: Effect, call: LiveCall | undefined, now: number): void {
    this.log.observe(effect, call, now);
    // A refused call is refunded. For a call whose Worker is gone the usage is unknown, so the
    // estimate stays charged.
    if (effect.type === 'refused') this.#limits.refund(effect.callId, now);
    else if (effect.type === 'released' && effect.cause === 'expired') {
      this.#limits.settle(effect.callId, undefined, now);
    }
  }

  /** Refunds a call whose grant could not be stored: submitted again, it is charged again. */
  refund(callId: string, now: number): void {
    this.#limits.refund(callId, now);
  }

  /** Records the end of an attempt, after which the call may go on. */
  attemptEnded(callId: string, result: CallResult): void {
    this.log.attemptEnded(callId, result);
  }

  /** Settles the charge of a call that has ended. */
  ended(callId: string, result: CallResult, now: number): void {
    const { outcome, inputTokens, outputTokens = 0 } = result;
    // An endpoint that refused the call, or failed before it answered, has read none of the input.
    const isUnread = outcome === 'failed' && inputTokens === undefined && outputTokens === 0;
    this.#limits.settle(callId, isUnread ? NO_TOKENS : { inputTokens, outputTokens }, now);
    this.log.ended(callId, result);
  }

  /** `hadSlot`: its endpoint has read the input, which stays charged. */
  cancelled(callId: string, hadSlot: boolean, now: number): void {
    this.#limits.settle(callId, hadSlot ? { outputTokens: 0 } : NO_TOKENS, now);
    this.log.cancelled(callId);
  }

  clear(): void {
    this.log.clear();
  }

  #charge(request: EnqueueRequest, now: number, hasBegun: boolean): Refusal | undefined {
    const { call, keyId, isCharged = false } = request;
    const { callId } = call;
    const estimate = { callId, keyId, isCharged, hasBegun, ...tokensOf(request) };
    const charged = this.#limits.admit(estimate, this.#limitsOf(keyId), now);
    this.log.open(request, charged.gauges);
    if (charged.ok) return undefined;
    const { code, retryAfterMs, detail } = limitRefusal(charged, this.#limitsOf(keyId));
    this.log.refused(callId, code, retryAfterMs);
    return { ...refusal(code, retryAfterMs, this.log.facts(callId)), detail };
  }
}

/** What a call may take; a call that is measured in time takes no tokens. */
function tokensOf({ call, choices = 1 }: EnqueueRequest): {
  inputTokens: number;
  outputTokens?: number;
  answers: number;
} {
  const answers = choices;
  if (call.kind !== 'llm') return { inputTokens: 0, outputTokens: 0, answers };
  const { inputTokens, maxOutputTokens } = call;
  if (maxOutputTokens === undefined) return { inputTokens, answers };
  // A limit may be any number: the product stays one that can be told.
  const outputTokens = Math.min(maxOutputTokens * choices, Number.MAX_SAFE_INTEGER);
  return { inputTokens, outputTokens, answers };
}

function limitRefusal(
  charged: RateAnswer & { ok: false },
  limits: RateLimits,
): { code: RefusedCode; retryAfterMs: number; detail: string } {
  if (charged.limit === 'too-large') {
    const { cost, most } = charged;
    const may = `The call may take ${cost} tokens (its input and all output that it may have)`;
    const detail = `${may}, and this key has ${most} a minute: lower the output limit or the input.`;
    return { code: 'request_too_large', retryAfterMs: 0, detail };
  }
  const { limit, retryAfterMs } = charged;
  const detail = `This key has ${limits[limit]} ${limit} a minute, and too few are left for now.`;
  return { code: 'rate_limit_exceeded', retryAfterMs, detail };
}

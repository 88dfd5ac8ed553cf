/**
 * Where a call is written down when it comes, and charged to its key: beside the dispatcher, which
 * knows neither of keys nor of stories. What a call took is given back or put right when it is over.
 */
import type { Effect } from '../../src/core/dispatch/dispatch-events.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import { KeyLimits, type RateLimits, type Took } from '../../src/core/limits/key-limits.ts';
import type { LiveCall } from '../../src/core/runs/live-run.ts';
import type { CallResult, EnqueueRequest, Refusal } from '../../src/protocol/tenant.ts';
import { CallLog } from './call-log.ts';
import { refusal } from './refusal.ts';

/** Assumed of an answer when a call's tokens are charged; put right when it has ended. */
const OUTPUT_TOKENS = 200;

const NOTHING: Took = { inputTokens: 0, outputTokens: 0 };

export class CallAccounting {
  readonly log = new CallLog();
  readonly #limits = new KeyLimits();
  readonly #limitsOf: (keyId: string) => RateLimits;

  constructor(limitsOf: (keyId: string) => RateLimits) {
    this.#limitsOf = limitsOf;
  }

  /** Charges the call to its key's limits; a refusal where they do not let it in. */
  charge(request: EnqueueRequest, now: number): Refusal | undefined {
    const { call, keyId, isCharged = false } = request;
    const { callId, maxOutputTokens } = call;
    const isLlm = call.kind === 'llm';
    const estimate = {
      callId,
      keyId,
      inputTokens: isLlm ? call.inputTokens : 0,
      outputTokens: isLlm ? Math.min(maxOutputTokens ?? OUTPUT_TOKENS, OUTPUT_TOKENS) : 0,
      isCharged,
    };
    const charged = this.#limits.admit(estimate, this.#limitsOf(keyId), now);
    this.log.open(request, charged.gauges);
    if (charged.ok) return undefined;
    const { retryAfterMs } = charged;
    this.log.refused(callId, 'rate_limit_exceeded', retryAfterMs);
    return refusal('rate_limit_exceeded', retryAfterMs, this.log.facts(callId));
  }

  /** Where a call stands that waits. */
  placeInQueue(dispatcher: Dispatcher, callId: string): { position: number; etaMs: number } {
    const call = dispatcher.call(callId);
    const backend = call && dispatcher.backends.get(call.request.backend);
    if (!backend) return { position: 0, etaMs: 0 };
    const found = { position: backend.queue.position(call.run), etaMs: backend.expectedWaitMs() };
    const standing = dispatcher.queueRank(call);
    this.log.queued(call, { ...found, ...(standing ? { standing } : {}) });
    return found;
  }

  /** What the dispatcher wants done with a call. */
  observe(effect: Effect, call: LiveCall | undefined, now: number): void {
    this.log.observe(effect, call, now);
    // A refused call takes nothing; of one whose Worker is gone nobody knows what it took.
    if (effect.type === 'refused') this.#limits.refund(effect.callId, now);
    else if (effect.type === 'released' && effect.cause === 'expired') {
      this.#limits.settle(effect.callId, undefined, now);
    }
  }

  /** Its grant could not be made durable: it is charged again when it comes again. */
  refund(callId: string, now: number): void {
    this.#limits.refund(callId, now);
  }

  /** One of a call's attempts is over; the call may go on. */
  attemptEnded(callId: string, result: CallResult): void {
    this.log.attemptEnded(callId, result);
  }

  ended(callId: string, result: CallResult, now: number): void {
    const { outcome, inputTokens, outputTokens = 0 } = result;
    // What refused the call, or broke before the answer began, has read nothing of it.
    const isUnread = outcome === 'failed' && inputTokens === undefined && outputTokens === 0;
    this.#limits.settle(callId, isUnread ? NOTHING : { inputTokens, outputTokens }, now);
    this.log.ended(callId, result);
  }

  /** `ran`: it had a slot, and its endpoint has read it. */
  cancelled(callId: string, ran: boolean, now: number): void {
    this.#limits.settle(callId, ran ? { outputTokens: 0 } : NOTHING, now);
    this.log.cancelled(callId);
  }

  clear(): void {
    this.log.clear();
  }
}

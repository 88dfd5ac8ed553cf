/**
 * What the ends of calls show of one endpoint: that it is up, cold, full or at fault. A failed call may
 * find an endpoint cold, or concern that call or its API key alone, so what was proved before counts
 * (endpoint-use.ts), and so does whose word it is (endpoint-trust.ts).
 */
import type { CallResult } from '../runs/call-result.ts';
import type { EndpointLearning } from './endpoint-learning.ts';
import type { EndpointSlots } from './endpoint-slots.ts';
import type { EndpointSpec, EndpointState } from './endpoint-state.ts';
import type { EndpointTrust, Scope } from './endpoint-trust.ts';
import type { EndpointUse } from './endpoint-use.ts';
import type { EndpointWakes } from './endpoint-wakes.ts';
import type { WokenFrom } from './start-watch.ts';

/** Pause after a "loading" answer that names no time, ms. */
const LOADING_PAUSE_MS = 1_000;
/** Pause after an "overloaded" answer while no other call of ours ran there, ms. */
const OVERLOADED_PAUSE_MS = 500;

/** Whose call it was. */
export interface Caller {
  readonly key: string;
  readonly callId: string;
  /** Sequences that it held; 1 where absent. */
  readonly sequences?: number;
}

/** How a refused call goes on. */
export type AfterRefusal = 'queue' | 'pause';

const NOBODY: Caller = { key: '', callId: '' };

/** The part of an endpoint that the ends of calls read and change. */
export interface SeenEndpoint {
  readonly spec: EndpointSpec;
  readonly state: EndpointState;
  readonly warmSince: number;
  readonly slots: EndpointSlots;
  readonly trust: EndpointTrust;
  readonly learning: EndpointLearning;
  readonly wakes: EndpointWakes;
  enter(state: EndpointState, now: number): void;
  becameCold(now: number, by: WokenFrom): void;
  provedWarm(now: number): void;
}

export class EndpointEvidence {
  readonly #endpoint: SeenEndpoint;
  readonly #use: EndpointUse;

  constructor(endpoint: SeenEndpoint, use: EndpointUse) {
    this.#endpoint = endpoint;
    this.#use = use;
  }

  /**
   * Updates the state by the result of a call; called after `released`. Answers how a call that was
   * refused goes on: `queue` where the endpoint counts as cold from now on and is woken, `pause` where
   * the refusal concerns the call or its key. Undefined: the call was not refused.
   */
  observe(
    result: CallResult,
    sentAt: number,
    now: number,
    by: Caller = NOBODY,
  ): AfterRefusal | undefined {
    const { slots, trust } = this.#endpoint;
    const running = slots.sequences + (by.sequences ?? 1);
    const after = this.#afterRefusal(result, sentAt, now, by);
    // Without an answer it may be at work on the call, so that is not queued again; but others are.
    if (result.timedOut && this.mayBeCold(sentAt, by.key)) {
      if (this.answeredCold(sentAt, now, by.key)) this.#use.claimedWithoutAnswer(sentAt);
    }
    if (result.cold || result.endpointFault || after === 'queue') this.#use.wasNotServed();
    if (result.busy) {
      // Calls of ours that still run there make room when they end. If there are none, other
      // clients use the endpoint, and only waiting helps.
      const pauseMs = result.retryAfterMs ?? (slots.inFlight === 0 ? OVERLOADED_PAUSE_MS : 0);
      const scope = trust.refused({ ...by, pauseMs }, now);
      if (this.#isOverload(scope, by.key, now)) slots.overloaded(running + slots.lent, sentAt, now);
    }
    slots.observe(result, sentAt, running, (by.sequences ?? 1) === 1);
    if (result.outcome === 'ok') {
      this.#learnFromCall(result, sentAt, now);
      this.succeeded(now, by.key);
    } else if (result.endpointFault && after === undefined) {
      trust.failed(now, sentAt, by.key);
    } else if (result.forbidden) trust.forbidden(now, sentAt, by.key);
    return after;
  }

  /**
   * True where a failure of a request that was sent at `at` may show that the endpoint is not up: it
   * can go cold, was not proved warm shortly before that or since, and the key's word was not wrong
   * lately. `isGone`: it takes no connections, which no earlier proof outweighs.
   */
  mayBeCold(at: number, key = '', isGone = false): boolean {
    const { spec, state } = this.#endpoint;
    if (!spec.coldStart) return false;
    const mayBe = isGone || state !== 'warm' || this.#use.mayBeCold(at);
    return mayBe && !this.#use.isDoubted(key, at);
  }

  /**
   * The endpoint gave the answer of a cold one to a call that was sent at `sentAt`. True where it
   * counts as cold or waking; false where the answer concerns the call alone: other calls run or were
   * served there since, or the key's word was wrong lately.
   */
  answeredCold(sentAt: number, now: number, key = ''): boolean {
    const endpoint = this.#endpoint;
    const { state, wakes } = endpoint;
    if (!endpoint.spec.coldStart) return false;
    const upSince = state === 'warm' ? endpoint.warmSince : wakes.begunAt;
    // A call that was sent before the wake says nothing about the state since.
    if (state === 'cold' || upSince > sentAt) return true;
    const servesOthers = endpoint.slots.inFlight > 0 || this.hasServedSince(sentAt);
    if (servesOthers || this.#use.isDoubted(key, now)) return false;
    if (state === 'warming') wakes.refusesCalls = true;
    this.#use.claimedCold(key, state === 'warm', now);
    // A ping that is not answered found it cold before the call did, and its wake goes on.
    if (state === 'warm' && now < endpoint.learning.awaitedUntil) endpoint.enter('warming', now);
    else endpoint.becameCold(now, 'claimed');
    return true;
  }

  /** A call was served to its end. */
  succeeded(now: number, key = ''): void {
    const { trust, slots } = this.#endpoint;
    this.#use.succeeded(now);
    this.#endpoint.provedWarm(now);
    trust.succeeded(key);
    slots.served();
  }

  /** True where a call was served to its end after `at`, epoch ms. */
  hasServedSince(at: number): boolean {
    return this.#use.hasServedSince(at);
  }

  /** Many refusals at once are one overload; those of one key count while no other key is there. */
  #isOverload(scope: Scope, key: string, now: number): boolean {
    return scope === 'endpoint' || (scope === 'key' && this.#endpoint.trust.isOnlyKey(key, now));
  }

  /** How a refused call goes on; undefined for one that was not refused. */
  #afterRefusal(
    result: CallResult,
    sentAt: number,
    now: number,
    by: Caller,
  ): AfterRefusal | undefined {
    const { cold, mayBeCold, connectionLost } = result;
    const isCold = cold || (mayBeCold && this.mayBeCold(sentAt, by.key, connectionLost));
    if (isCold && this.#endpoint.spec.coldStart) {
      return this.answeredCold(sentAt, now, by.key) ? 'queue' : 'pause';
    }
    if (result.cold) {
      // An endpoint that is not configured to go cold is loading.
      this.#endpoint.trust.refused(
        { ...by, pauseMs: result.retryAfterMs ?? LOADING_PAUSE_MS },
        now,
      );
    }
    return result.cold || result.busy ? 'pause' : undefined;
  }

  #learnFromCall(result: CallResult, sentAt: number, now: number): void {
    const { spec, state, learning } = this.#endpoint;
    if (!spec.coldStart) return;
    if (state !== 'warm') return learning.heldCall(result, sentAt, now);
    learning.servedCall(result, this.#use.idleBefore(sentAt), now);
  }
}

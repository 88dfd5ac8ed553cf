/**
 * Starts and settles wakes: for calls that wait, ahead of need within the budget, or only recorded
 * in a dry run; and records how each wake turned out. Whether to wake is decided in prewarm-rule.ts
 * and prewarm.ts, and when to check that in check-schedule.ts.
 */
import type { Backend } from '../backends/backend.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import type { Wake, WakeOutcome } from '../backends/endpoint-state.ts';
import type { LiveCall } from '../runs/live-run.ts';
import type { PrewarmDecision } from './prewarm.ts';
import { isPing, PrewarmAccounts } from './prewarm-accounts.ts';
import type { PrewarmEffect, PrewarmEffects } from './prewarm-events.ts';

export class Wakes {
  readonly accounts: PrewarmAccounts;
  /** When a wake was last recorded without being made, epoch ms. */
  #recordedOnlyAt = new WeakMap<Endpoint, number>();

  constructor(backends: ReadonlyMap<string, Backend>) {
    this.accounts = new PrewarmAccounts(backends);
  }

  /** Handles a clock that jumps back: the next wake that is not made is recorded at once. */
  clockWentBack(now: number): void {
    this.#recordedOnlyAt = new WeakMap();
    this.accounts.clockWentBack(now);
  }

  /**
   * Wakes an endpoint for calls that wait now; one wake at a time for an endpoint. Neither the mode
   * nor a budget of prewarming limits that. `needsOther`: a call waits for another endpoint than those
   * that are up. `expectedMs`: the service time of a running call, by what is known of its kind.
   */
  wakeForDemand(
    backend: Backend,
    needsOther: boolean,
    expectedMs: (call: LiveCall) => number,
    now: number,
    effects: PrewarmEffects,
  ): void {
    if (!backend.holdsWhileCold) return;
    const endpoint = backend.demand.endpoint(needsOther, now, expectedMs);
    if (!endpoint) return;
    this.wakeOnDemand(backend, endpoint, `waiting=${backend.queue.size}`, now, effects);
  }

  /** Wakes an endpoint that is needed now, within no budget. */
  wakeOnDemand(
    backend: Backend,
    endpoint: Endpoint,
    reason: string,
    now: number,
    effects: PrewarmEffects,
  ): void {
    const wake = { cause: 'demand' as const, at: now, reason, probability: 1 };
    this.begin(backend, endpoint, wake, effects);
    effects.push(wakeEffect(backend, endpoint, wake, false));
  }

  /** Wakes an endpoint because the administrator asked for it, within no budget. */
  wakeForOperator(
    backend: Backend,
    endpoint: Endpoint,
    now: number,
    effects: PrewarmEffects,
  ): void {
    const wake = { cause: 'operator' as const, at: now, reason: 'by the operator', probability: 1 };
    this.begin(backend, endpoint, wake, effects);
    effects.push(wakeEffect(backend, endpoint, wake, false));
  }

  /**
   * Sends the wakes again that were in progress when the object died: their requests died with it.
   * Where calls are sent to cold endpoints, the call itself is the wake, and its lease goes on. A
   * paused endpoint is not asked again.
   */
  resume(backend: Backend, now: number, effects: PrewarmEffects): void {
    for (const endpoint of backend.pool.list) {
      const wake = endpoint.wakes.takeInterrupted(now, backend.holdsWhileCold);
      if (!wake) continue;
      if (endpoint.isPaused) {
        endpoint.becameCold(now, 'unknown');
        this.settle(backend.name, endpoint, 'failed', now, effects);
        continue;
      }
      // What is left of its patience; the endpoint itself gives it up then.
      const leftMs = Math.max(1, endpoint.changesAt - now);
      effects.push({ ...wakeEffect(backend, endpoint, wake, false), patienceMs: leftMs });
    }
  }

  /** Wakes an endpoint, or records that in a dry run. False where the budget does not allow it. */
  wakeAhead(
    backend: Backend,
    endpoint: Endpoint,
    cause: 'prewarm' | 'keep-warm',
    decision: PrewarmDecision,
    describeForecast: () => string,
    now: number,
    effects: PrewarmEffects,
  ): boolean {
    const dryRun = backend.spec.prewarm.mode === 'dry-run';
    const allowed = dryRun || this.accounts.budgets.allows(backend, endpoint, now);
    if (dryRun || !allowed) {
      // The endpoint keeps its state, so the same decision would be recorded each second.
      const lastAt = this.#recordedOnlyAt.get(endpoint) ?? -Infinity;
      if (now - lastAt < endpoint.coldStartMs) return allowed;
      this.#recordedOnlyAt.set(endpoint, now);
    }
    const { probability } = decision;
    const reason = `${decision.reason} ${describeForecast()}`;
    const coldAt = cause === 'keep-warm' ? { coldAt: endpoint.changesAt } : {};
    const wake = { cause, at: now, reason, probability, ...coldAt };
    if (!allowed) {
      this.accounts.refused(backend.name, now);
      const id = endpoint.spec.id;
      effects.push({ type: 'over-budget', backend: backend.name, endpoint: id, wake });
      return false;
    }
    if (!dryRun) this.begin(backend, endpoint, wake, effects);
    effects.push(wakeEffect(backend, endpoint, (!dryRun && endpoint.wake) || wake, dryRun));
    return true;
  }

  /**
   * Begins a wake. A ping that keeps an endpoint warm after others continues their chain, which is
   * used or wasted as a whole. Any other wake that no call has used is settled: as wasted where the
   * endpoint is warm, as failed otherwise.
   */
  begin(backend: Backend, endpoint: Endpoint, wake: Wake, effects: PrewarmEffects): void {
    const chained = chainedWake(endpoint, wake);
    if (!chained) {
      const previousOutcome = endpoint.state === 'warm' ? 'wasted' : 'failed';
      this.settle(backend.name, endpoint, previousOutcome, wake.at, effects);
    }
    this.accounts.began(backend, endpoint, wake);
    endpoint.wakes.begin(chained ?? wake);
  }

  /** Settles the endpoint's open wake, if any. `coldMs`: cold wait of the call that used it, ms. */
  settle(
    backend: string,
    endpoint: Endpoint,
    outcome: WakeOutcome,
    now: number,
    effects: PrewarmEffects,
    coldMs = 0,
  ): void {
    const { wake } = endpoint;
    if (!wake) return;
    endpoint.wake = undefined;
    const cost = this.accounts.ended(backend, endpoint, { wake, outcome, sufferedMs: coldMs }, now);
    const id = endpoint.spec.id;
    effects.push({ type: 'wake-settled', backend, endpoint: id, wake, outcome, ...cost });
  }
}

/** The wake as one of a chain of pings; undefined where it begins none and continues none. */
function chainedWake({ state, wake: last }: Endpoint, wake: Wake): Wake | undefined {
  const isChain = state === 'warm' && wake.cause === 'keep-warm' && last && isPing(last);
  if (!isChain) return undefined;
  const { coldAt: _, ...rest } = wake;
  const { coldAt, pings = 1, since = last.at } = last;
  // Without the chain the endpoint would have gone cold when it would have without the first ping.
  return { ...rest, pings: pings + 1, since, ...(coldAt === undefined ? {} : { coldAt }) };
}

function wakeEffect(
  backend: Backend,
  endpoint: Endpoint,
  wake: Wake,
  dryRun: boolean,
): Extract<PrewarmEffect, { type: 'wake' }> {
  const {
    spec,
    learning: { wakePatienceMs: patienceMs },
  } = endpoint;
  const { neededModel: model } = backend;
  const named = model === undefined ? {} : { model };
  const order = { backend: backend.name, endpoint: spec.id, wake, dryRun, patienceMs };
  return { type: 'wake', ...order, ...named };
}

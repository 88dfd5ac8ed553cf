/**
 * Wakes as they are begun and settled: for those that wait, ahead of need within the budget, or only
 * said in a dry run; and how each turned out, with its accounts. Whether to wake is decided in
 * prewarm.ts, and when that is asked in prewarmer.ts.
 */
import type { Backend } from '../backends/backend.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import type { Wake, WakeOutcome } from '../backends/endpoint-state.ts';
import type { PrewarmDecision } from './prewarm.ts';
import { PrewarmAccounts } from './prewarm-accounts.ts';
import type { PrewarmEffect, PrewarmEffects } from './prewarm-events.ts';

export class Wakes {
  readonly accounts: PrewarmAccounts;
  /** When a wake was last recorded that was not made, by backend. */
  readonly #notWokenAt = new Map<string, number>();

  constructor(backends: ReadonlyMap<string, Backend>) {
    this.accounts = new PrewarmAccounts(backends);
  }

  /** The clock went back. */
  clockWentBack(now: number): void {
    this.#notWokenAt.clear();
    this.accounts.clockWentBack(now);
  }

  /**
   * Wakes an endpoint for those that wait now; one wake at a time for an endpoint. `needsOther`: somebody
   * waits for another one than those that are up.
   */
  wakeForDemand(backend: Backend, needsOther: boolean, now: number, effects: PrewarmEffects): void {
    if (backend.spec.whileCold === 'send') return;
    const endpoint = backend.endpointToWake(needsOther, now);
    if (!endpoint) return;
    const wake = {
      cause: 'demand' as const,
      at: now,
      reason: `waiting=${backend.queue.size}`,
      probability: 1,
    };
    this.begin(backend, endpoint, wake, effects);
    effects.push(wakeEffect(backend, endpoint, wake, false));
  }

  /** Wakes it, or records that it would have; false where the budget does not allow it. */
  wakeAhead(
    backend: Backend,
    endpoint: Endpoint,
    cause: 'prewarm' | 'keep-warm',
    decision: PrewarmDecision,
    grounds: () => string,
    now: number,
    effects: PrewarmEffects,
  ): boolean {
    const dryRun = backend.spec.prewarm.mode === 'dry-run';
    const allowed = dryRun || this.accounts.allows(backend, endpoint, now);
    if (dryRun || !allowed) {
      // The endpoint stays as it is, so the same decision would come each second.
      const last = this.#notWokenAt.get(backend.name) ?? -Infinity;
      if (now - last < endpoint.coldStartMs) return allowed;
      this.#notWokenAt.set(backend.name, now);
    }
    const { probability } = decision;
    const reason = `${decision.reason} ${grounds()}`;
    const coldAt = cause === 'keep-warm' ? { coldAt: endpoint.changesAt } : {};
    const wake = { cause, at: now, reason, probability, ...coldAt };
    if (allowed && !dryRun) this.begin(backend, endpoint, wake, effects);
    if (!allowed) this.accounts.refused(backend.name, now);
    effects.push(
      allowed
        ? wakeEffect(backend, endpoint, wake, dryRun)
        : { type: 'over-budget', backend: backend.name, endpoint: endpoint.spec.id, wake },
    );
    return allowed;
  }

  /** A wake begins; one before it that nobody used was wasted, or did not bring the endpoint up. */
  begin(backend: Backend, endpoint: Endpoint, wake: Wake, effects: PrewarmEffects): void {
    const before = endpoint.state === 'warm' ? 'wasted' : 'failed';
    this.settle(backend.name, endpoint, before, wake.at, effects);
    this.accounts.began(backend, endpoint, wake);
    endpoint.beginWake(wake);
  }

  /** The wake that is under way has ended; `coldMs`: the wait of the call that ended it. */
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
    this.accounts.ended(backend, endpoint, { wake, outcome, sufferedMs: coldMs }, now);
    const id = endpoint.spec.id;
    effects.push({ type: 'wake-settled', backend, endpoint: id, wake, outcome });
  }
}

function wakeEffect(
  backend: Backend,
  endpoint: Endpoint,
  wake: Wake,
  dryRun: boolean,
): PrewarmEffect {
  const { spec, wakePatienceMs: patienceMs } = endpoint;
  return { type: 'wake', backend: backend.name, endpoint: spec.id, wake, dryRun, patienceMs };
}

/**
 * What each event changes: it is taken to the part of the dispatcher that it concerns. What is due by
 * time alone, and when free slots are granted, is in dispatcher.ts.
 */
import type { BackendRoster } from '../backends/backend-roster.ts';
import type { Prewarmer } from '../prewarm/prewarmer.ts';
import type { Admission } from './admission.ts';
import type { CallsInFlight } from './calls-in-flight.ts';
import type { DispatchEvent, Effect } from './dispatch-events.ts';
import type { DispatcherConfig } from './dispatcher-config.ts';
import type { EarlyRanks } from './early-ranks.ts';
import type { Loans } from './loans.ts';
import type { Ranking } from './ranking.ts';
import type { RunRegister } from './run-register.ts';
import { slotEffects } from './slots-limited.ts';

/** The parts of the dispatcher that events change. */
export interface ChangedParts {
  readonly roster: BackendRoster;
  readonly register: RunRegister;
  readonly ranking: Ranking;
  readonly early: EarlyRanks;
  readonly admission: Admission;
  readonly calls: CallsInFlight;
  readonly loans: Loans;
  readonly prewarmer: Prewarmer;
}

export class AppliedEvents {
  readonly #parts: ChangedParts;

  constructor(parts: ChangedParts) {
    this.#parts = parts;
  }

  apply(event: DispatchEvent, now: number, effects: Effect[]): void {
    const { admission, calls, early, loans, prewarmer, register } = this.#parts;
    switch (event.type) {
      case 'submitted':
        if (event.onLoan) return admission.began(event.call, event.onLoan, now);
        return admission.submit(event.call, now, effects);
      case 'ended':
        return this.#ended(event, now, effects);
      case 'cancelled':
        return calls.cancel(event.callId, now, event.at);
      case 'renewed':
        return calls.renew(event.callId, now);
      case 'unit-began':
        register.beginOwnUnit(event.runId, event.app, event.unit, now, event.keyId);
        return prewarmer.schedule.soon(now);
      case 'unit-ended':
        return register.endOwnUnit(event.runId, event.unit, now);
      case 'run-finished': {
        const finished = register.finish(event.runId, now);
        if (finished) effects.push(finished);
        return;
      }
      case 'side-call':
        return this.#sideCall(event, now, effects);
      case 'load-told':
        return this.#loadTold(event, now, effects);
      case 'configured':
        return this.configure(event.config, now, effects);
      case 'runs-read':
        return early.read(event);
      case 'loan-asked':
      case 'loan-renewed':
      case 'loan-returned':
      case 'loans-recalled':
        return loans.apply(event, now, effects);
      case 'wake-answered':
      case 'release-answered':
      case 'adapter-answered':
      case 'prefixes-kept':
      case 'prefix-answered':
      case 'gone-cold':
      case 'endpoint-ordered':
      case 'forecast':
        return prewarmer.apply(event, now, effects);
      case 'tick':
        return;
      default:
        return event satisfies never;
    }
  }

  /** Applies a configuration, the first one as well; calls of a removed backend are refused. */
  configure(config: DispatcherConfig, now: number, effects: Effect[]): void {
    const { admission, calls, loans, prewarmer, ranking, register, roster } = this.#parts;
    ranking.configure(config);
    admission.runCalls = config.runCalls ?? Infinity;
    const { runSilenceMs, leastSilenceMs = runSilenceMs } = config;
    register.silence = { assumedMs: runSilenceMs, leastMs: leastSilenceMs };
    register.openRuns.limit = config.openRuns ?? Infinity;
    calls.leaseMs = config.leaseMs;
    loans.configure(config.leaseMs, effects);
    for (const call of roster.configure(config.backends, now)) {
      calls.refuse(call, 'backend_removed', 0, now);
    }
    prewarmer.wakes.accounts.configure(config.prewarmBudget ?? {}, now);
  }

  #ended(event: Extract<DispatchEvent, { type: 'ended' }>, now: number, effects: Effect[]): void {
    const { calls, loans } = this.#parts;
    const { callId, result, again = false, at = now, keepFor } = event;
    const { request, lease } = calls.get(callId) ?? {};
    if (request && (result.endpointFault || result.cold || result.busy)) {
      loans.failed(request.backend, now);
    }
    calls.end(callId, result, again, now, at);
    if (keepFor === undefined || !lease || lease.loanId !== undefined) return;
    if (!calls.get(callId)) loans.grow(keepFor, lease.endpoint, now, effects);
  }

  #sideCall(
    event: Extract<DispatchEvent, { type: 'side-call' }>,
    now: number,
    effects: Effect[],
  ): void {
    const backend = this.#parts.roster.all.get(event.backend);
    const endpoint = backend?.endpoints.get(event.endpoint);
    if (!backend || !endpoint) return;
    if (!event.foundCold) return endpoint.keptUp(now);
    const { sentAt, key } = event.foundCold;
    this.#parts.prewarmer.changes.foundCold(backend, endpoint, sentAt, key, now, effects);
  }

  #loadTold(
    event: Extract<DispatchEvent, { type: 'load-told' }>,
    now: number,
    effects: Effect[],
  ): void {
    const endpoint = this.#parts.roster.all.get(event.backend)?.endpoints.get(event.endpoint);
    if (!endpoint) return;
    const { usable } = endpoint.slots;
    endpoint.slots.loadTold(event.load, now);
    effects.push(...slotEffects(event.backend, endpoint, usable));
  }
}

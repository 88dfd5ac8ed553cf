/**
 * Counts for the metrics what happens to calls, slots, wakes and writes, as the dispatcher's events
 * and effects pass. A few additions in memory each; nothing is written. All counts are 0 when the
 * object starts, which Prometheus takes for the reset that it is. What is stored instead, the accounts
 * of prewarming, is in prewarm-view.ts.
 */
import type { DispatchEvent, Effect } from '../../src/core/dispatch/dispatch-events.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import { isPing } from '../../src/core/prewarm/prewarm-accounts.ts';
import type { CallResult } from '../../src/core/runs/call-result.ts';
import type { LiveCall } from '../../src/core/runs/live-run.ts';
import { AppLabels } from '../../src/metrics/app-labels.ts';
import { MetricSet } from '../../src/metrics/metric-set.ts';
import type { Samples } from '../../src/protocol/metrics.ts';
import { countServed } from './served-call.ts';

/** What is written to storage. */
export type WriteKind = 'lease' | 'renewal' | 'batch';

/** What an event is about, as it was before the dispatcher took the event. */
interface Before {
  readonly event: Extract<DispatchEvent, { type: 'ended' | 'cancelled' | 'wake-answered' }>;
  readonly backend: string;
  readonly endpoint: string;
  /** Absent for a wake. */
  readonly call?: LiveCall;
  readonly grantedAt: number;
  readonly wasOpen: boolean;
}

const NOTHING: readonly Before[] = [];

export class CallCounters {
  #startedAt: number;
  #set = new MetricSet();
  #apps = new AppLabels();

  constructor(now: number) {
    this.#startedAt = now;
  }

  /** Since when is counted, epoch ms. */
  get startedAt(): number {
    return this.#startedAt;
  }

  /** Begins anew, since the tenant was deleted. */
  clear(now: number): void {
    this.#startedAt = now;
    this.#set = new MetricSet();
    this.#apps = new AppLabels();
  }

  /** To be called before the dispatcher takes the events; its answer is for `stepped`. */
  beforeStep(
    events: readonly DispatchEvent[],
    dispatcher: Dispatcher,
    now: number,
  ): readonly Before[] {
    this.#set.add('talaria_object_steps_total', []);
    let before = NOTHING;
    for (const event of events) {
      if (event.type === 'wake-answered') {
        const { backend, endpoint } = event;
        const wasOpen = isOpen(dispatcher, backend, endpoint, now);
        before = [...before, { event, backend, endpoint, grantedAt: now, wasOpen }];
      } else if (event.type === 'ended' || event.type === 'cancelled') {
        const call = dispatcher.call(event.callId);
        if (!call) continue;
        const { backend } = call.request;
        const { endpoint = '', grantedAt = now } = call.lease ?? {};
        const wasOpen = isOpen(dispatcher, backend, endpoint, now);
        before = [...before, { event, backend, endpoint, call, grantedAt, wasOpen }];
      }
    }
    return before;
  }

  /** Counts what became of the events that `beforeStep` has noted. */
  stepped(
    before: readonly Before[],
    effects: readonly Effect[],
    dispatcher: Dispatcher,
    now: number,
  ): void {
    for (const noted of before) {
      const { event, backend, endpoint, call } = noted;
      if (!noted.wasOpen && isOpen(dispatcher, backend, endpoint, now)) {
        this.#set.add('talaria_circuit_openings_total', [backend, endpoint]);
      }
      if (!call || event.type === 'wake-answered') continue;
      if (event.type === 'cancelled') {
        this.#over(call, endpoint, 'cancelled', 'cancelled');
      } else if (dispatcher.call(event.callId) === call) {
        this.#set.add('talaria_retries_total', [backend, endpoint, codeOf(event.result)]);
      } else if (!event.again || !isRefused(event.callId, effects)) {
        this.#ended(call, endpoint, noted.grantedAt, event.result, event.at ?? now);
      }
    }
  }

  /** Counts an effect that was carried out; `call` is undefined where it has ended. */
  effect(effect: Effect, call: LiveCall | undefined): void {
    const set = this.#set;
    switch (effect.type) {
      case 'granted': {
        if (effect.repeated) return;
        const { backend, endpoint, waitedMs } = effect;
        set.add('talaria_leases_granted_total', [backend, endpoint]);
        if (call?.attempts !== 1) return;
        const labels = [backend, this.#appOf(call)];
        return set.observe('talaria_queue_duration_seconds', labels, waitedMs / 1_000);
      }
      case 'refused': {
        const { backend, app, keyId, code } = effect;
        return this.refused(keyId, code, { backend, app });
      }
      case 'released': {
        if (effect.cause !== 'expired') return;
        const { backend, endpoint, app, keyId } = effect;
        const label = this.#apps.labelOf(app, keyId);
        set.add('talaria_leases_expired_total', [backend, endpoint]);
        return set.add('talaria_calls_total', [
          backend,
          endpoint,
          label,
          'expired',
          'lease_expired',
        ]);
      }
      case 'run-finished': {
        const { record } = effect;
        if (!record) return;
        return set.add('talaria_runs_finished_total', [this.#apps.labelOf(record.app, '')]);
      }
      case 'wake':
        return effect.dryRun ? this.#wakeEnded(effect, 'dry-run') : undefined;
      case 'over-budget':
        return this.#wakeEnded(effect, 'over-budget');
      case 'wake-settled':
        return this.#wakeEnded(effect, effect.outcome);
      default:
        return;
    }
  }

  /** Counts a refusal; `call`: what was refused was a call. */
  refused(keyId: string, code: string, call?: { backend: string; app: string }): void {
    this.#set.add('talaria_refusals_total', [keyId, code]);
    if (!call) return;
    const label = this.#apps.labelOf(call.app, keyId);
    this.#set.add('talaria_calls_total', [call.backend, '', label, 'refused', code]);
  }

  wrote(kind: WriteKind, ok: boolean): void {
    const name = ok ? 'talaria_object_writes_total' : 'talaria_object_write_failures_total';
    this.#set.add(name, [kind]);
  }

  samples(): Samples {
    return this.#set.samples();
  }

  #ended(
    call: LiveCall,
    endpoint: string,
    grantedAt: number,
    result: CallResult,
    now: number,
  ): void {
    this.#over(call, endpoint, result.outcome, codeOf(result));
    if (result.outcome !== 'ok') return;
    const labels = [call.request.backend, this.#appOf(call)];
    countServed(this.#set, labels, call, { grantedAt, endedAt: now, result });
  }

  #over(call: LiveCall, endpoint: string, outcome: string, code: string): void {
    const { backend } = call.request;
    this.#set.add('talaria_calls_total', [backend, endpoint, this.#appOf(call), outcome, code]);
  }

  #appOf({ run, request }: LiveCall): string {
    return this.#apps.labelOf(run.app, request.keyId ?? '');
  }

  #wakeEnded(
    { backend, wake }: Extract<Effect, { type: 'wake' | 'over-budget' | 'wake-settled' }>,
    outcome: string,
  ): void {
    const set = this.#set;
    set.add('talaria_wakes_ended_total', [backend, wake.cause, outcome]);
    const isKnown = outcome === 'used' || outcome === 'late' || outcome === 'wasted';
    if (!isPing(wake) || !isKnown) return;
    set.add('talaria_forecast_expected_needs_total', [backend], wake.probability);
    set.add('talaria_forecast_actual_needs_total', [backend], outcome === 'wasted' ? 0 : 1);
  }
}

function isOpen(dispatcher: Dispatcher, backend: string, id: string, now: number): boolean {
  return dispatcher.backends.get(backend)?.endpoints.get(id)?.trust.stateAt(now) === 'open';
}

/** True for a call that was refused in the same step, which is counted by that effect. */
function isRefused(callId: string, effects: readonly Effect[]): boolean {
  return effects.some((effect) => effect.type === 'refused' && effect.callId === callId);
}

/** The error's code as a client gets it; `rejected` where the endpoint has refused the call itself. */
function codeOf(result: CallResult): string {
  if (result.outcome !== 'failed') return result.outcome;
  if (result.cold) return 'backend_warming';
  if (result.busy) return 'upstream_busy';
  if (result.timedOut) return 'upstream_timeout';
  return result.endpointFault ? 'upstream_error' : 'rejected';
}

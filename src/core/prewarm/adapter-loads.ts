/**
 * Begins and settles the loads of adapters: for calls that wait, and ahead of need. What is loaded
 * where is decided in backends/load-choice.ts, when a need is forecast in adapter-forecasts.ts.
 */
import type { AdapterLoad } from '../adapters/adapter-load.ts';
import type { Backend } from '../backends/backend.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import type { NextLoad } from '../backends/load-choice.ts';
import type { AdapterAnswer, AdapterEffects } from './adapter-events.ts';
import type { DailyAccounts } from './daily-accounts.ts';

/** The part of a load that its cause decides. */
type Why = Pick<AdapterLoad, 'cause' | 'reason' | 'probability'>;

export class AdapterLoads {
  readonly #daily: DailyAccounts;

  /** `daily`: counts them. */
  constructor(daily: DailyAccounts) {
    this.#daily = daily;
  }

  /** Begins what calls wait for, asks again for what a restart interrupted, and settles. */
  forWaiting(backend: Backend, now: number, effects: AdapterEffects): void {
    const { adapters, loadChoice } = backend;
    if (!adapters.isUsed) return;
    for (const [endpoint, load] of adapters.interrupted()) {
      effects.push(this.#order(backend, endpoint, load, false));
    }
    for (let next = loadChoice.next(now); next; next = loadChoice.next(now)) {
      const waiting = backend.adapterCalls.parked.waitingFor(next.adapter);
      const why = { cause: 'demand', reason: `waiting=${waiting}`, probability: 1 } as const;
      this.begin(backend, next, why, now, effects);
    }
    this.settle(backend, now, effects);
  }

  begin(backend: Backend, next: NextLoad, why: Why, now: number, effects: AdapterEffects): void {
    const { endpoint, adapter, source, unload } = next;
    const load = { adapter, source, at: now, unload, ...why };
    backend.adapters.at(endpoint).begin(load);
    const counted = why.cause === 'demand' ? { adapterLoads: 1 } : { adapterPrewarms: 1 };
    this.#daily.add(backend.name, now, { ...counted, adapterUnloads: unload.length });
    effects.push(this.#order(backend, endpoint, load, false));
  }

  /** Records a load that a dry run does not make. */
  record(backend: Backend, next: NextLoad, why: Why, now: number, effects: AdapterEffects): void {
    const { endpoint, adapter, source, unload } = next;
    const load = { adapter, source, at: now, unload, ...why };
    effects.push(this.#order(backend, endpoint, load, true));
  }

  answered(backend: Backend, answer: AdapterAnswer, now: number, effects: AdapterEffects): void {
    const { endpoint, adapter, loadAt, type: _, backend: __, ...report } = answer;
    backend.adapters.answered(endpoint, adapter, loadAt, report, now);
    this.settle(backend, now, effects);
  }

  /** A call gets a slot: counts the time that it waited for its adapter. */
  granted(backend: Backend, waitMs: number, now: number): void {
    if (waitMs > 0) {
      this.#daily.add(backend.name, now, { adapterWaits: 1, adapterWaitMs: waitMs });
    }
  }

  /** Takes the loads whose outcome became known into the books. */
  settle(backend: Backend, now: number, effects: AdapterEffects): void {
    for (const [id, at] of backend.adapters.endpoints()) {
      for (const { load, outcome } of at.held.takeEnded()) {
        // A load that calls asked for brings what they wait for; only its failure is of interest.
        if (load.cause === 'demand' && outcome !== 'failed') continue;
        this.#daily.add(backend.name, now, { [OUTCOMES[outcome]]: 1 });
        effects.push({
          type: 'adapter-settled',
          backend: backend.name,
          endpoint: id,
          load,
          outcome,
        });
      }
    }
  }

  #order(
    { name: backend, adapters, loadChoice }: Backend,
    endpoint: Endpoint,
    load: AdapterLoad,
    dryRun: boolean,
  ): Parameters<AdapterEffects['push']>[0] {
    const { patienceMs } = adapters.times;
    const spare = dryRun ? [] : loadChoice.spareAt(endpoint, load);
    const { id } = endpoint.spec;
    return { type: 'adapter-load', backend, endpoint: id, load, dryRun, patienceMs, spare };
  }
}

const OUTCOMES = {
  used: 'adapterUsed',
  late: 'adapterLate',
  wasted: 'adapterWasted',
  failed: 'adapterFailed',
} as const;

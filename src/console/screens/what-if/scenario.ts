/** What is changed in a replay: the order, the endpoints, prewarming and its price. */

import { POLICY_NAMES } from '../../../core/order/policies/registry.ts';
import type { TracedBackend, TraceHead } from '../../../protocol/console/trace.ts';

/** `srpt` knows how much work each run has left: no order can know that, so it is a bound. */
export const ORDERS = [...POLICY_NAMES, 'srpt'] as const;
export type Order = (typeof ORDERS)[number];

export const WAKING = ['off', 'keep-alive', 'paper', 'talaria', 'oracle'] as const;
export type Waking = (typeof WAKING)[number];

export interface Scenario {
  readonly order: Order;
  readonly waking: Waking;
  /** Probability of need from which `talaria` wakes. */
  readonly theta: number;
  /** Time for which `keep-alive` holds an endpoint after its last call, s. */
  readonly keepAliveS: number;
  /** Price of a second of a warm endpoint; null for none. */
  readonly pricePerWarmSecond: number | null;
  readonly backends: readonly BackendScenario[];
}

export interface BackendScenario {
  readonly backend: string;
  readonly endpoints: number;
  /** Slots of each endpoint; null for no limit. */
  readonly slots: number | null;
  /** Null: it never goes cold. */
  readonly coldStartS: number | null;
  /** Null: it stays warm once it was. */
  readonly idleTimeoutS: number | null;
}

/** The tenant's own setting. Slots are the mean where endpoints differ. */
export function asConfigured(head: TraceHead): Scenario {
  const scaling = head.backends.filter((b) => b.endpoints.some((e) => e.coldStartMs !== null));
  const { prewarm } = scaling[0] ?? head.backends[0] ?? {};
  return {
    order: ORDERS.find((order) => order === head.policy) ?? 'gittins',
    waking: prewarm?.mode === 'on' ? 'talaria' : 'off',
    theta: prewarm?.theta ?? 0.25,
    keepAliveS: 300,
    pricePerWarmSecond: prewarm?.pricePerWarmSecond ?? null,
    backends: head.backends.map(backendScenario),
  };
}

/** What a plain gateway does: in the order of arrival, an endpoint is woken when somebody waits. */
export function plainGateway(head: TraceHead): Scenario {
  return { ...asConfigured(head), order: 'fcfs', waking: 'off' };
}

function backendScenario({ backend, endpoints }: TracedBackend): BackendScenario {
  const limits = endpoints.flatMap(({ slots }) => slots ?? []);
  const sum = limits.reduce((total, slots) => total + slots, 0);
  // The simulator's endpoints of a backend are alike: one that never goes cold keeps it warm.
  const goesCold = endpoints.length > 0 && endpoints.every((e) => e.coldStartMs !== null);
  const first = goesCold ? endpoints[0] : undefined;
  return {
    backend,
    endpoints: Math.max(1, endpoints.length),
    slots: limits.length < endpoints.length ? null : Math.max(1, Math.round(sum / limits.length)),
    coldStartS: secondsOf(first?.coldStartMs),
    idleTimeoutS: secondsOf(first?.idleTimeoutMs),
  };
}

/** To a tenth, as it stands in the form: what was learned is not known more exactly. */
function secondsOf(ms: number | null | undefined): number | null {
  return ms == null ? null : Math.round(ms / 100) / 10;
}

/** The first field that cannot be, in words; undefined where all can. */
export function scenarioProblem(scenario: Scenario): string | undefined {
  const { theta, keepAliveS, pricePerWarmSecond: price } = scenario;
  if (!(theta >= 0 && theta <= 1)) return 'Theta: a number from 0 to 1.';
  if (!(keepAliveS >= 0 && keepAliveS <= 86_400)) return 'Keep-alive: 0 to 86,400 seconds.';
  if (price !== null && !(price >= 0 && price <= 1e9)) return 'Price: a number of 0 or more.';
  for (const { backend, endpoints, slots, coldStartS, idleTimeoutS } of scenario.backends) {
    if (!isWhole(endpoints, 1_000)) return `Endpoints of ${backend}: a whole number, 1 to 1,000.`;
    if (slots !== null && !isWhole(slots, 100_000)) {
      return `Slots of ${backend}: a whole number, 1 to 100,000.`;
    }
    for (const seconds of [coldStartS, idleTimeoutS]) {
      if (seconds !== null && !(seconds >= 0 && seconds <= 86_400)) {
        return `Times of ${backend}: 0 to 86,400 seconds.`;
      }
    }
  }
  return undefined;
}

function isWhole(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= most;
}

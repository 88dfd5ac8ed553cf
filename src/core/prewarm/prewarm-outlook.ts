/** What prewarming would decide now, and why: for people, and for the reasons kept with a wake. */

import type { Backend } from '../backends/backend.ts';
import type { BudgetLimits } from '../backends/backend-spec.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import type { Forecast } from './prewarm.ts';
import type { PrewarmAccounts } from './prewarm-accounts.ts';
import type { PrewarmQuery, PrewarmRule } from './prewarm-rule.ts';

/** Runs named in a reason: those most likely to need the backend. */
const RUNS_NAMED = 3;
const RUNS_SHOWN = 20;

export interface RunNeed {
  readonly run: string;
  readonly app: string;
  readonly probability: number;
}

export interface EndpointOutlook {
  readonly endpoint: string;
  readonly state: string;
  /** `none`: there is nothing to decide while it wakes, serves, or cannot go cold. */
  readonly decision: 'wake' | 'stay-cold' | 'hold' | 'let-go' | 'over-budget' | 'none';
  readonly probability?: number;
  readonly reason?: string;
}

export interface BackendOutlook {
  readonly backend: string;
  readonly mode: 'off' | 'dry-run' | 'on';
  readonly theta: number;
  readonly coldStartMs: number;
  /** Within a cold start from now: the chance that a run that has not arrived yet needs it. */
  readonly arrivals: number;
  readonly ratePerSec: number;
  /** Runs in flight that may need it within a cold start, the likeliest first. */
  readonly runs: readonly RunNeed[];
  readonly endpoints: readonly EndpointOutlook[];
  readonly left: { readonly backend: BudgetLimits; readonly tenant: BudgetLimits };
}

/** Runs in flight that may need the backend, the likeliest first. */
export function likelyRuns({ runs, of = [] }: Forecast, most = RUNS_SHOWN): RunNeed[] {
  return runs
    .map((probability, i) => ({ run: of[i]?.id ?? '', app: of[i]?.app ?? '', probability }))
    .filter((need) => need.probability > 0)
    .sort((a, b) => b.probability - a.probability)
    .slice(0, most);
}

/** On what a forecast rests: the rate of arrivals and the likeliest runs. */
export function groundsOf(forecast: Forecast, ratePerSec: number): string {
  const named = likelyRuns(forecast, RUNS_NAMED).map(
    ({ app, run, probability }) => `${app}/${run}:${probability.toFixed(2)}`,
  );
  const rate = `rate=${ratePerSec.toPrecision(3)}/s`;
  return named.length > 0 ? `${rate} by ${named.join(' ')}` : rate;
}

interface Deciders {
  readonly ask: (endpoint: Endpoint, capacity: number) => PrewarmQuery;
  readonly rule: PrewarmRule;
  readonly accounts: PrewarmAccounts;
  readonly now: number;
}

export function outlookOf(backend: Backend, deciders: Deciders): BackendOutlook {
  const { now, accounts, ask } = deciders;
  const { mode, theta } = backend.spec.prewarm;
  const { coldStartMs } = backend;
  const endpoints = [...backend.endpoints.values()];
  const [first] = endpoints;
  const forecast = first && ask(first, 0).forecast(coldStartMs);
  return {
    backend: backend.name,
    mode,
    theta,
    coldStartMs,
    arrivals: forecast?.arrivals ?? 0,
    ratePerSec: backend.arrivals.ratePerSec(now),
    runs: forecast ? likelyRuns(forecast) : [],
    endpoints: endpoints.map((endpoint) => decisionFor(backend, endpoint, deciders)),
    left: accounts.left(backend.name, now),
  };
}

function decisionFor(backend: Backend, endpoint: Endpoint, deciders: Deciders): EndpointOutlook {
  const { ask, rule, accounts, now } = deciders;
  const { state, spec } = endpoint;
  const known = { endpoint: spec.id, state };
  const isIdle = state === 'warm' && endpoint.inFlight === 0 && spec.coldStart !== undefined;
  if (!isIdle && state !== 'cold') return { ...known, decision: 'none' };
  const asked = ask(endpoint, backend.upSlots(now, new Set(isIdle ? [endpoint] : [])));
  const { wake, probability, reason } = isIdle ? rule.hold(asked) : rule.wake(asked);
  const why = { ...known, probability, reason };
  if (isIdle) return { ...why, decision: wake ? 'hold' : 'let-go' };
  if (!wake) return { ...why, decision: 'stay-cold' };
  const allowed = accounts.allows(backend, endpoint, now);
  return { ...why, decision: allowed ? 'wake' : 'over-budget' };
}

/**
 * What prewarming would decide now, and why, as shown to people; also the text of the reasons that
 * are kept with a wake. It decides nothing itself: see prewarm-rule.ts.
 */

import type { Backend } from '../backends/backend.ts';
import type { BudgetLimits } from '../backends/backend-spec.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import type { Forecast } from './prewarm.ts';
import type { PrewarmAccounts } from './prewarm-accounts.ts';
import type { PrewarmQuery, PrewarmRule } from './prewarm-rule.ts';

/** Runs named in a reason: those most likely to need the backend. */
const RUNS_NAMED = 3;
/** Runs listed in an outlook. */
const RUNS_SHOWN = 20;

/** The probability that a run needs a backend within the forecast's horizon. */
export interface RunNeed {
  readonly run: string;
  readonly app: string;
  readonly probability: number;
}

export interface EndpointOutlook {
  readonly endpoint: string;
  readonly state: string;
  /** `none`: the endpoint is warming, serves calls, or cannot go cold. */
  readonly decision: 'wake' | 'stay-cold' | 'hold' | 'let-go' | 'over-budget' | 'none';
  readonly probability?: number;
  readonly reason?: string;
  /** True where a ping may cost more than the budget of a whole day: none is ever made. */
  readonly impossible?: true;
}

export interface AdapterOutlook {
  readonly adapter: string;
  /** `none`: an endpoint has it; `wait`: a need is not likely enough; `no-room`: others are likelier. */
  readonly decision: 'load' | 'wait' | 'no-room' | 'none';
  readonly probability: number;
  readonly reason: string;
}

export interface BackendOutlook {
  readonly backend: string;
  readonly mode: 'off' | 'dry-run' | 'on';
  readonly theta: number;
  readonly coldStartMs: number;
  /** Probability that a run that has not arrived yet needs the backend within a cold start. */
  readonly arrivals: number;
  /** Expected arrivals per second, by the recent rate. */
  readonly ratePerSec: number;
  /** Runs in flight that may need it within a cold start, the most likely first. */
  readonly runs: readonly RunNeed[];
  readonly endpoints: readonly EndpointOutlook[];
  /** The adapters that calls asked for lately; absent where the backend has none. */
  readonly adapters?: readonly AdapterOutlook[];
  /** What is left of the day's budgets. */
  readonly left: { readonly backend: BudgetLimits; readonly tenant: BudgetLimits };
}

/** Runs in flight that may need the backend, the most likely first, at most `limit`. */
export function likelyRuns({ runs, of = [] }: Forecast, limit = RUNS_SHOWN): RunNeed[] {
  return runs
    .map((probability, i) => ({ run: of[i]?.id ?? '', app: of[i]?.app ?? '', probability }))
    .filter((need) => need.probability > 0)
    .sort((a, b) => b.probability - a.probability)
    .slice(0, limit);
}

/** The basis of a forecast as text: the rate of arrivals and the most likely runs. */
export function groundsOf(forecast: Forecast, ratePerSec: number): string {
  const named = likelyRuns(forecast, RUNS_NAMED).map(
    ({ app, run, probability }) => `${app}/${run}:${probability.toFixed(2)}`,
  );
  const rate = `rate=${ratePerSec.toPrecision(3)}/s`;
  return named.length > 0 ? `${rate} by ${named.join(' ')}` : rate;
}

interface OutlookInputs {
  readonly ask: (endpoint: Endpoint, capacity: number) => PrewarmQuery;
  readonly rule: PrewarmRule;
  readonly accounts: PrewarmAccounts;
  readonly now: number;
}

export function outlookOf(backend: Backend, inputs: OutlookInputs): BackendOutlook {
  const { now, accounts, ask } = inputs;
  const { mode, theta } = backend.spec.prewarm;
  const { coldStartMs } = backend.pool;
  const endpoints = backend.pool.list;
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
    endpoints: endpoints.map((endpoint) => decisionFor(backend, endpoint, inputs)),
    left: accounts.budgets.left(backend.name, now),
  };
}

function decisionFor(backend: Backend, endpoint: Endpoint, inputs: OutlookInputs): EndpointOutlook {
  const { ask, rule, accounts, now } = inputs;
  const { state, spec } = endpoint;
  const base = { endpoint: spec.id, state };
  if (endpoint.isPaused) return { ...base, decision: 'none', reason: 'paused by the operator' };
  const isIdle = state === 'warm' && endpoint.slots.inFlight === 0 && spec.coldStart !== undefined;
  if (!isIdle && state !== 'cold') return { ...base, decision: 'none' };
  const query = ask(endpoint, backend.pool.upSlots(now, new Set(isIdle ? [endpoint] : [])));
  const { wake, probability, reason } = isIdle
    ? rule.hold({ ...query, coldStartMs: endpoint.learning.meanStartMs })
    : rule.wake(query);
  const explained = { ...base, probability, reason };
  if (isIdle) return { ...explained, decision: wake ? 'hold' : 'let-go' };
  if (endpoint.letGo)
    return { ...explained, decision: 'stay-cold', reason: 'let go by the operator' };
  if (!wake) return { ...explained, decision: 'stay-cold' };
  if (accounts.budgets.allows(backend, endpoint, now)) return { ...explained, decision: 'wake' };
  const most = accounts.budgets.neverAllowed(backend, endpoint);
  if (!most) return { ...explained, decision: 'over-budget' };
  const needed = `the budget of a day never allows a ping, which may take ${seconds(most.warmMs)} s`;
  return {
    ...explained,
    decision: 'over-budget',
    reason: `${reason}; ${needed}`,
    impossible: true,
  };
}

function seconds(ms = 0): number {
  return Math.ceil(ms / 1_000);
}

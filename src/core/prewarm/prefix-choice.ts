/**
 * Which prefix an endpoint reads ahead of a call, if any: the one whose prefill, times the
 * probability that it is spared, exceeds the price of reading it by most. The price is that of the
 * time that the endpoint works for nothing, theta of it, as for a wake (prewarm.ts). What prompts have
 * in common is known by affinity/unit-prefixes.ts, what was kept of them by prefix-reads.ts.
 */
import type { Backend } from '../backends/backend.ts';
import type { ApplicationModels } from '../learning/application-models.ts';
import type { LiveRun } from '../runs/live-run.ts';
import type { KeptPrefix } from '../runs/prefix.ts';
import type { Forecast } from './prewarm.ts';

/** What a read costs beside its prefill, ms: a request, and a token. */
const FIXED_MS = 100;

export interface RunsAndModels {
  readonly runs: ReadonlyMap<string, LiveRun>;
  readonly models: ApplicationModels;
}

export interface ChosenPrefix {
  readonly prefix: KeptPrefix;
  readonly probability: number;
  readonly reason: string;
}

/** `readMs`: expected time that the endpoint reads so many tokens. Undefined where none pays. */
export function choosePrefix(
  backend: Backend,
  kept: Iterable<KeptPrefix>,
  forecast: Forecast,
  readMs: (tokens: number) => number,
  view: RunsAndModels,
  now: number,
): ChosenPrefix | undefined {
  const { theta } = backend.spec.prewarm;
  let best: ChosenPrefix | undefined;
  let most = 0;
  for (const prefix of kept) {
    const link = prefix.chain.at(-1);
    if (prefix.backend !== backend.name || !link) continue;
    if (backend.caches.hasReady(prefix.chain, now)) continue;
    const probability = chanceOf(link.id, backend, forecast, view);
    const prefillMs = readMs(link.tokens);
    const gainMs = probability * prefillMs - theta * (prefillMs + FIXED_MS);
    if (gainMs <= most) continue;
    const shown = `P(use)=${probability.toFixed(3)} theta=${theta.toFixed(3)}`;
    const reason = `${shown} tokens=${link.tokens} prefill=${Math.round(prefillMs)} ms`;
    [best, most] = [{ prefix, probability, reason }, gainMs];
  }
  return best;
}

/** True where reading so many tokens may ever pay, however likely the call is. */
export function mayPay(theta: number, prefillMs: number): boolean {
  return prefillMs > theta * (prefillMs + FIXED_MS);
}

/** P(a call within the forecast's horizon begins with a fingerprint). */
function chanceOf(
  id: string,
  { prefixes, name }: Backend,
  { runs, of = [], arrivals }: Forecast,
  view: RunsAndModels,
): number {
  let pNone = 1 - arrivals * prefixes.shareOfArrivals(id);
  for (const [i, p] of runs.entries()) {
    const run = view.runs.get(of[i]?.id ?? '');
    if (run) pNone *= 1 - p * shareOfRun(run);
  }
  return 1 - pNone;

  /** The share of the units that may be the run's next one. */
  function shareOfRun({ app, visits }: LiveRun): number {
    const unit = visits.at(-1)?.unit;
    const next = unit === undefined ? [] : (view.models.model(app)?.graph.next(unit, name) ?? []);
    let weights = 0;
    let share = 0;
    for (const [to, weight] of next) {
      weights += weight;
      share += weight * prefixes.shareOf(app, to, id);
    }
    return weights > 0 ? share / weights : 0;
  }
}

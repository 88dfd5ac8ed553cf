/** What must be counted and learned of the calls in the model of loans: each once, where nothing loses it. */
import type { LoanCall } from './loan-isolate.ts';
import type { LoanNetwork } from './loan-network.ts';
import type { ObjectHost } from './object-host.ts';

/** News of a call arrives within so long after its end, ms: what is on its way looks like news. */
const LONGEST_WAY_MS = 5_000;

interface Counted {
  readonly host: ObjectHost;
  readonly network: LoanNetwork;
  readonly calls: readonly LoanCall[];
}

export class LoanCounts {
  /** Nothing got lost: every call is counted, but for what a killed isolate had not told. */
  isExact = true;
  /** Every isolate can be heard of: who looks sees all calls that are over. */
  isWhole = true;
  /** What somebody saw was not so. */
  failure: Error | undefined;
  readonly #world: Counted;
  /** Calls that were over when the tenant was deleted. */
  readonly #forgotten = new Set<LoanCall>();

  constructor(world: Counted) {
    this.#world = world;
  }

  /** The tenant is deleted, with all that is known of it. */
  deleted(): void {
    this.isExact = false;
    const { calls, host } = this.#world;
    for (const call of calls) {
      if (host.elapsed - call.endedAt > LONGEST_WAY_MS) this.#forgotten.add(call);
    }
  }

  /** Somebody has looked at a call who could know that it was over. `entry`: what is known of it. */
  looked(call: LoanCall, entry: string | undefined): void {
    if (!this.isExact || !this.isWhole) return;
    const { state } = JSON.parse(entry ?? '{}');
    if (state !== 'ended') this.failure ??= new Error(`${namesOf([call])} is seen as ${state}`);
  }

  /** Nothing is learned twice, nor of a tenant that was deleted. */
  learned(): Set<number> {
    const stored: number[] = [];
    const { host } = this.#world;
    for (const { record } of host.rows('SELECT record FROM recorded')) {
      for (const unit of JSON.parse(String(record)).units) {
        for (const c of unit.calls) stored.push(c.output_tokens);
      }
    }
    for (const { snapshot } of host.rows('SELECT snapshot FROM runs')) {
      for (const visit of JSON.parse(String(snapshot)).visits) {
        for (const c of visit.records) stored.push(c.output_tokens);
      }
    }
    const known = new Set(stored);
    if (known.size !== stored.length) throw new Error(`learned twice: ${stored}`);
    const old = [...this.#forgotten].filter((call) => known.has(call.tokens));
    if (old.length > 0) throw new Error(`${namesOf(old)} were learned of a deleted tenant`);
    return known;
  }

  /** Each call is counted once. */
  async check(): Promise<void> {
    const { calls, network } = this.#world;
    const text = await network.answerOf((object) => object.figures());
    if (text === undefined) throw new Error('there are no figures');
    const counted = countedIn(text);
    for (const outcome of ['ok', 'failed', 'cancelled']) {
      const made = calls.filter((c) => c.reported === outcome);
      const n = counted.get(outcome) ?? 0;
      const how = `${n} of ${made.length} calls are counted as ${outcome}`;
      // A call that was given up while its grant was on its way had a slot as well.
      const died = calls.filter((c) => c.toldFailure && c.reported === undefined).length;
      const most = outcome === 'failed' ? made.length + died : made.length;
      if (outcome !== 'cancelled' && n > most) throw new Error(how);
      const least = made.filter((c) => !c.mayBeLost).length;
      if (this.isExact && n < least) throw new Error(how);
    }
    const learned = this.learned();
    if (!this.isExact) return;
    // A lease expires of a call only of which nobody could tell.
    const expired = counted.get('expired') ?? 0;
    const untold = calls.filter((c) => c.reported === undefined || c.mayBeLost).length;
    if (expired > untold) throw new Error(`${expired} leases of ${untold} calls have expired`);
    const lost = calls.filter((c) => c.reported === 'ok' && !c.mayBeLost && !learned.has(c.tokens));
    if (lost.length > 0) throw new Error(`${namesOf(lost)} are not learned`);
  }
}

/** Calls by outcome, of the metrics as JSON text. */
function countedIn(figures: string): Map<string, number> {
  const counted = new Map<string, number>();
  for (const [labels, n] of JSON.parse(figures).samples.talaria_calls_total ?? []) {
    counted.set(labels[3], (counted.get(labels[3]) ?? 0) + n);
  }
  return counted;
}

function namesOf(calls: readonly LoanCall[]): string {
  return calls.map(({ request }) => request.call.callId).join(', ');
}

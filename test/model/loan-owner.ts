/**
 * The owner of the tenant in the model of loans, and whoever looks at it: changes the configuration,
 * pauses endpoints, deletes the tenant, asks for figures and reports that runs are over.
 */
import { parseStoredConfig } from '../../src/config/parse.ts';
import type { LoadedTenant } from '../../src/config/store.ts';
import type { TenantDocument } from '../../src/protocol/tenant.ts';
import type { LoanCall, ModelIsolate } from './loan-isolate.ts';
import type { LoanNetwork } from './loan-network.ts';
import type { LoanReference } from './loan-reference.ts';
import { type LoanSettings, loanConfig } from './loan-settings.ts';

/** A changed configuration is known to the isolates after so long where nothing else is said, ms. */
const DISTRIBUTED_MS = 40;

/** The part of the world that the owner and clients reach. */
interface Owned {
  readonly network: LoanNetwork;
  readonly reference: LoanReference;
  readonly calls: readonly LoanCall[];
  readonly isolates: readonly ModelIsolate[];
}

/** A call that tells of itself is known after so long, ms. */
const ON_ITS_WAY_MS = 150;

export class LoanOwner {
  settings: LoanSettings = { slots: { a: 16 }, leaseMs: 6_000, revoked: false };
  /** The configuration that isolates get to know; undefined before there is one. */
  loaded: LoadedTenant | undefined;
  readonly #world: Owned;

  constructor(world: Owned) {
    this.#world = world;
  }

  async configure(settings: LoanSettings): Promise<void> {
    const { network, reference } = this.#world;
    const json = await network.answerOf((object) => object.putConfig(loanConfig(settings)));
    if (json === undefined) return;
    const document = JSON.parse(json) as TenantDocument;
    const parsed = parseStoredConfig(document.config, { development: true });
    if (!parsed.ok) throw new Error(`bad settings: ${JSON.stringify(parsed.problems)}`);
    reference.configured(settings);
    this.settings = settings;
    reference.rows.configured();
    const loaded = { tenant: 'tenant', version: document.version, config: parsed.config };
    this.loaded = loaded;
    reference.recalls.configured(document.version, settings);
    network.plan(settings.knownAfterMs ?? DISTRIBUTED_MS, () => {
      for (const isolate of this.#world.isolates) {
        if (isolate.loaded.version < loaded.version) isolate.loaded = loaded;
      }
    });
  }

  /** Pauses an endpoint, or lets it go on. */
  async pause(endpoint: string, isPaused: boolean): Promise<void> {
    const { network, reference } = this.#world;
    const order = isPaused ? 'pause' : 'resume';
    const steer = { type: 'endpoint', backend: 'm', endpoint, order } as const;
    if (!isPaused) reference.rows.goesOn(endpoint);
    const done = await network.answerOf((object) => object.steer(steer, 'owner'));
    if (!isPaused || done?.status !== 'ordered') return;
    reference.rows.paused(endpoint);
    reference.recalls.wanted(reference.recalls.loans(endpoint));
  }

  /** Deletes the tenant, and creates it again after a while, in which others act. */
  async recreate(settings: LoanSettings, meanwhile: () => Promise<unknown>): Promise<void> {
    const { network, reference } = this.#world;
    // A deletion that fails half-way is another matter.
    network.host.failingWrites = 0;
    network.dyingNext = false;
    const loans = reference.recalls.loans();
    await network.answerOf(async (object) => {
      await object.destroy('owner');
      return true;
    });
    reference.deleted();
    reference.recalls.deleted(loans);
    await meanwhile();
    await this.configure(settings);
  }

  /** Looks at the borrowed call that was over last. */
  async look(): Promise<void> {
    const { calls, network, reference } = this.#world;
    const { elapsed } = network.host;
    const isOver = ({ loan, reported, endedAt }: LoanCall) =>
      loan && reported === 'ok' && (!loan.isReturned || elapsed - endedAt > ON_ITS_WAY_MS);
    const over = calls.filter(isOver);
    const last = over.sort((a, b) => b.endedAt - a.endedAt)[0];
    const { callId = 'none' } = last?.request.call ?? {};
    const entry = await network.asked((object) => object.story(callId));
    if (last) reference.counts.looked(last, entry);
  }

  /** Asks for a view, for which all that was learned is written. */
  async write(): Promise<void> {
    await this.#world.network.asked((object) => object.view('status'));
  }

  /** A client reports that its run is over. */
  async finish(runId: string): Promise<void> {
    const event = { type: 'run-finished', runId } as const;
    await this.#world.network.asked((object) => object.runEvent(event, 0, false));
  }
}

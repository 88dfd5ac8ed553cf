/**
 * Brings an object's figures to the register of metrics (metrics-shard.ts) while there is something
 * new: some seconds after a change, and at most once a minute. The last change before the object rests
 * is therefore brought as well. A failure is only logged: the next change brings everything again.
 */
import { logError } from '../src/protocol/log.ts';
import {
  type Figures,
  type FiguresOf,
  linesOf,
  METRICS_SHARDS,
  type MetricsShardApi,
  metricsShard,
} from '../src/protocol/metrics.ts';
import { shardOf } from '../src/protocol/shard-of.ts';

/** Least time between a change and the push, and between two pushes, ms. */
const SETTLE_MS = 5_000;
const PERIOD_MS = 60_000;
/** Figures are not taken anew for so long, ms: scrapes that come together cost the object one. */
const FRESH_MS = 1_000;

/** The namespace of the register's shards; RPC's generated types wrap every result. */
interface Namespace {
  getByName(name: string): unknown;
}

export interface PushOptions {
  readonly register: Namespace;
  readonly tenant: string;
  readonly of: FiguresOf;
  /** Undefined where there is nothing to show. */
  readonly figures: (now: number) => Figures | undefined;
  /** Keeps the object in memory until a promise has settled. */
  waitUntil(promise: Promise<unknown>): void;
}

interface Taken {
  readonly at: number;
  readonly text: string;
  readonly lines: number;
}

export class MetricsPush {
  readonly #options: PushOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pushedAt = -Infinity;
  #pushing: Promise<void> | undefined;
  #taken: Taken | undefined;
  #isStopped = false;

  constructor(options: PushOptions) {
    this.#options = options;
  }

  /** Something has changed: it is brought soon. */
  changed(): void {
    if (this.#timer !== undefined || this.#isStopped) return;
    const waitMs = Math.max(SETTLE_MS, this.#pushedAt + PERIOD_MS - Date.now());
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#pushing = this.#push(Date.now());
        this.#options.waitUntil(this.#pushing);
      },
      Math.min(waitMs, PERIOD_MS),
    );
  }

  /** The figures as JSON text, at most a second old; undefined where there is nothing to show. */
  text(now: number): string | undefined {
    return this.#take(now)?.text;
  }

  /** Takes the tenant's figures out of the register, since the tenant is deleted. */
  async forget(): Promise<void> {
    // Nothing is brought meanwhile: it would be there again.
    this.#stop();
    await this.#pushing;
    await this.#shard.forget(this.#options.tenant);
    this.#isStopped = false;
  }

  #stop(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#taken = undefined;
    this.#isStopped = true;
  }

  async #push(now: number): Promise<void> {
    const { tenant, of } = this.#options;
    this.#pushedAt = now;
    const taken = this.#take(now);
    if (!taken || tenant === '') return;
    try {
      const { text, lines, at } = taken;
      await this.#shard.put({ tenant, of, text, lines }, at);
    } catch (error) {
      logError({ event: 'metrics_not_pushed', error: String(error) });
    }
  }

  #take(now: number): Taken | undefined {
    if (this.#taken && Math.abs(now - this.#taken.at) < FRESH_MS) return this.#taken;
    const figures = this.#options.figures(now);
    this.#taken = figures && {
      at: now,
      text: JSON.stringify(figures),
      lines: linesOf(figures.samples),
    };
    return this.#taken;
  }

  get #shard(): MetricsShardApi {
    const { register, tenant } = this.#options;
    const name = metricsShard(shardOf(tenant, METRICS_SHARDS));
    return register.getByName(name) as MetricsShardApi;
  }
}

/**
 * Sends the webhooks of ended jobs and repeats deliveries that failed. Deliveries are shared fairly
 * between API keys and bounded at a time, by key, by receiver, and by a key's pace per minute: what
 * is beyond waits. The format and a single delivery are in src/jobs/webhook.ts.
 */
import type { JobSettings } from '../../src/config/job-settings.ts';
import { leastServed, mayTakePlace } from '../../src/core/limits/fair-share.ts';
import { webhookPauseMs } from '../../src/core/limits/job-rules.ts';
import { type Pace, paceAt, paceTaken, readyAt } from '../../src/core/limits/pace.ts';
import { jobView } from '../../src/jobs/job-view.ts';
import { DELIVERY_PATIENCE_MS, deliver, keyOfSecret } from '../../src/jobs/webhook.ts';
import { logFailure } from '../../src/protocol/log-line.ts';
import { type JobRow, shownJob } from './job-row.ts';
import type { WebhookStore } from './webhook-store.ts';

/** Most deliveries at a time, and of them to one host. */
const MAX_SENDING = 6;
const MAX_SENDING_TO_HOST = 4;
/** Webhooks of a key among which one is looked for whose receiver takes another. */
const LOOKED_AT = 20;
/** Time after which a delivery that a restart has cut off is made again, ms. */
const LEASE_MS = DELIVERY_PATIENCE_MS + 5_000;
/** Most keys whose paces are remembered. */
const MAX_KEYS = 2_000;

interface KeyState {
  lastTurn: number;
  pace: Pace | undefined;
}

export class JobWebhooks {
  readonly #webhooks: WebhookStore;
  readonly #env: Readonly<Record<string, unknown>>;
  readonly #sending = new Map<string, { readonly keyHash: string; readonly host: string }>();
  readonly #keys = new Map<string, KeyState>();
  #turns = 0;

  constructor(webhooks: WebhookStore, env: Readonly<Record<string, unknown>>) {
    this.#webhooks = webhooks;
    this.#env = env;
  }

  /** Starts what is due and may be sent; returns one promise for each, which never rejects. */
  send(settings: JobSettings, now: number): Array<Promise<void>> {
    const deliveries: Array<Promise<void>> = [];
    if (this.#sending.size >= MAX_SENDING) return deliveries;
    const waiting = this.#webhooks.waiting();
    /** Keys whose receivers all take no other delivery at present. */
    const blocked = new Set<string>();
    while (this.#sending.size < MAX_SENDING) {
      const keyHash = this.#nextKey(waiting, blocked, settings, now);
      if (keyHash === undefined) break;
      const job = this.#nextOf(keyHash, now);
      if (!job) {
        blocked.add(keyHash);
        continue;
      }
      this.#turns += 1;
      const key = this.#state(keyHash);
      key.lastTurn = this.#turns;
      key.pace = paceTaken(paceAt(settings.webhooksPerMinute, key.pace, now));
      this.#sending.set(job.id, { keyHash, host: hostOf(job) });
      this.#webhooks.started(job.id, now + LEASE_MS);
      deliveries.push(this.#send(job, settings, now));
    }
    return deliveries;
  }

  /**
   * When the next delivery may be made without another one ending, epoch ms; Infinity for never.
   * What could be sent at `now` already waits for the end of another delivery.
   */
  dueAt({ webhooksPerMinute }: JobSettings, now: number): number {
    if (this.#sending.size >= MAX_SENDING) return Infinity;
    let due = Infinity;
    for (const [keyHash, at] of this.#webhooks.waiting()) {
      const ready = Math.max(at, this.#readyAt(keyHash, webhooksPerMinute, now));
      if (ready > now) due = Math.min(due, ready);
    }
    return due;
  }

  #nextKey(
    waiting: ReadonlyMap<string, number>,
    blocked: ReadonlySet<string>,
    { webhooksPerMinute }: JobSettings,
    now: number,
  ): string | undefined {
    const free = MAX_SENDING - this.#sending.size;
    const own = new Map<string, number>();
    for (const { keyHash } of this.#sending.values()) {
      own.set(keyHash, (own.get(keyHash) ?? 0) + 1);
    }
    const keys = [...waiting].flatMap(([keyHash, at]) => {
      if (at > now || blocked.has(keyHash)) return [];
      if (this.#readyAt(keyHash, webhooksPerMinute, now) > now) return [];
      const places = own.get(keyHash) ?? 0;
      if (!mayTakePlace(places, free)) return [];
      return { keyHash, own: places, lastTurn: this.#keys.get(keyHash)?.lastTurn ?? 0 };
    });
    return leastServed(keys)?.keyHash;
  }

  /** The webhook of a key that is due longest and whose receiver takes another delivery. */
  #nextOf(keyHash: string, now: number): JobRow | undefined {
    const toHost = new Map<string, number>();
    for (const { host } of this.#sending.values()) toHost.set(host, (toHost.get(host) ?? 0) + 1);
    return this.#webhooks
      .due(keyHash, now, LOOKED_AT)
      .find((job) => (toHost.get(hostOf(job)) ?? 0) < MAX_SENDING_TO_HOST);
  }

  #readyAt(keyHash: string, perMinute: number, now: number): number {
    const pace = this.#keys.get(keyHash)?.pace;
    return pace ? readyAt(perMinute, paceAt(perMinute, pace, now)) : now;
  }

  #state(keyHash: string): KeyState {
    const state = this.#keys.get(keyHash) ?? { lastTurn: 0, pace: undefined };
    // The most recently used is the last one.
    this.#keys.delete(keyHash);
    this.#keys.set(keyHash, state);
    if (this.#keys.size > MAX_KEYS) {
      const [oldest] = this.#keys.keys();
      if (oldest !== undefined) this.#keys.delete(oldest);
    }
    return state;
  }

  async #send(job: JobRow, { webhookSecret }: JobSettings, now: number): Promise<void> {
    const tenantSecret = webhookSecret === undefined ? undefined : this.#env[webhookSecret];
    const secret = keyOfSecret(job.webhookSecret ?? String(tenantSecret ?? ''));
    const event = {
      type: `job.${job.state}`,
      timestamp: new Date(job.endedAt ?? now).toISOString(),
      data: jobView(shownJob(job)),
    };
    const message = {
      id: `msg_${job.id}`,
      timestamp: Math.floor(now / 1000),
      body: JSON.stringify(event),
    };
    const rules = { development: this.#env.ENVIRONMENT === 'development' };
    const url = job.webhook?.url ?? '';
    const isDelivered = secret !== undefined && (await deliver(url, message, secret, rules));
    this.#sending.delete(job.id);
    try {
      this.#settle(job, isDelivered);
    } catch (error) {
      logFailure('webhook_lost', error, { job: job.id });
    }
  }

  #settle({ id, webhook }: JobRow, isDelivered: boolean): void {
    if (isDelivered) return this.#webhooks.tried(id, 'delivered');
    const pauseMs = webhookPauseMs((webhook?.tries ?? 0) + 1, Math.random());
    if (pauseMs === undefined) return this.#webhooks.tried(id, 'failed');
    this.#webhooks.tried(id, 'pending', Date.now() + pauseMs);
  }
}

/** The receiver's host without its port; a URL that cannot be parsed is not delivered anyway. */
function hostOf({ webhook }: JobRow): string {
  const url = webhook?.url ?? '';
  return URL.canParse(url) ? new URL(url).hostname.replace(/\.$/, '') : '';
}

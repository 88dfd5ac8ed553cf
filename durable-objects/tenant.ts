/**
 * The object of one tenant: RPC in, dispatcher, effects out, one alarm. It decides nothing (that is
 * src/core) and knows no SQL (that is tenant-store.ts).
 *
 * Durable before it is acknowledged: leases and the configuration. A few seconds behind at most:
 * what is learned (pending-batch.ts). In memory only: those who wait.
 */
import { DurableObject } from 'cloudflare:workers';
import { toDispatcherConfig } from '../src/config/dispatcher-config.ts';
import { type KeyHash, parseTenantConfig, type TenantConfig } from '../src/config/schema.ts';
import { readDocument } from '../src/config/store.ts';
import type { DispatchEvent, Effect, Granted } from '../src/core/dispatch-events.ts';
import type { Dispatcher } from '../src/core/dispatcher.ts';
import { addressOf } from '../src/endpoints/target.ts';
import { wakeEndpoint } from '../src/endpoints/wake.ts';
import type {
  Admission,
  CallResult,
  EnqueueRequest,
  ForecastAnswer,
  Grant,
  PingOrder,
  Refusal,
  RefusedCode,
  RunEvent,
  TenantDocument,
} from '../src/protocol.ts';
import { TenantAlarm } from './alarm.ts';
import { announce, FORECAST_PERIOD_MS } from './directory-client.ts';
import { PendingBatch } from './pending-batch.ts';
import { restoreDispatcher } from './restore.ts';
import { TenantStore } from './tenant-store.ts';
import { VIEWS, type ViewName } from './tenant-view.ts';
import { Ticket, type TicketOffice } from './ticket.ts';
import { Waiters } from './waiters.ts';

/** The directory is told again that this tenant wants forecasts, ms. */
const ANNOUNCE_MS = 300_000;
/** Below this chance of a need within an hour the cron need not ask again. */
const WORTH_ASKING = 0.05;
const HOUR_MS = 3_600_000;
/** After an alarm that failed. */
const RETRY_MS = 5_000;

export class TenantObject extends DurableObject<Env> implements TicketOffice {
  readonly #alarm: TenantAlarm;
  readonly #waiters = new Waiters();
  readonly #pending = new PendingBatch();
  #store: TenantStore;
  #version = 0;
  #config: TenantConfig | undefined;
  #dispatcher: Dispatcher | undefined;
  #announcedAt = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new TenantStore(ctx.storage);
    this.#alarm = new TenantAlarm(ctx.storage);
    const document = this.#store.document();
    if (document) this.#adopt(document);
    // Leases that were restored must expire even if nobody ever calls again.
    ctx.waitUntil(this.#arm(Date.now()));
  }

  /** Asks for a slot: answered at once. Who is queued waits at `ticket.granted()`. */
  async enqueue(request: EnqueueRequest): Promise<Admission & { ticket?: Ticket }> {
    const { call, keyId, version } = request;
    await this.#takeOver(version);
    const dispatcher = this.#dispatcher;
    if (!dispatcher) return refusal('tenant_unconfigured');
    // A key that is newer than this object's configuration cannot have been revoked by it.
    if (version <= this.#version && !this.#knowsKey(keyId)) return refusal('key_revoked');
    const ticket = new Ticket(this, call.callId);
    this.#waiters.add(call.callId, ticket);
    await this.#step([{ type: 'submitted', call }]);
    this.#announce();
    const answer = this.#waiters.answer(call.callId);
    if (answer?.status === 'granted') return { ...answer, ticket };
    if (answer) {
      this.#waiters.delete(call.callId);
      return answer;
    }
    const backend = dispatcher.backends.get(call.backend);
    const run = dispatcher.call(call.callId)?.run;
    const position = backend && run ? backend.line.position(run) : 0;
    return { status: 'queued', position, etaMs: backend?.expectedWaitMs() ?? 0, ticket };
  }

  /** The report of a Worker that lost its ticket; idempotent. */
  async settle(callId: string, result: CallResult): Promise<void> {
    this.#waiters.delete(callId);
    await this.#step([{ type: 'ended', callId, result }]);
  }

  /** The caller still lives; without this for `leaseMs` its slot is taken back. */
  async renew(callId: string): Promise<void> {
    await this.#step([{ type: 'renewed', callId }]);
    const lease = this.#dispatcher?.call(callId)?.lease;
    if (lease) this.#store.renewLease(callId, lease.expiresAt);
  }

  /** The client left and its Worker says so before the ticket does; idempotent. */
  async cancel(callId: string): Promise<void> {
    this.#waiters.delete(callId);
    await this.#step([{ type: 'cancelled', callId }]);
  }

  /** What a client says of its run. Answers whether the run was known. */
  async runEvent(event: RunEvent, version: number, opens = true): Promise<boolean> {
    await this.#takeOver(version);
    const known = this.#dispatcher?.register.runs.has(event.runId) ?? false;
    if (known || opens) await this.#step([event]);
    return known;
  }

  /**
   * Stores a checked configuration; one without keys keeps the present ones. Documents pass as JSON
   * text, here and below: RPC has no type for "any JSON".
   */
  async putConfig(configJson: string): Promise<string> {
    const config: Record<string, unknown> = JSON.parse(configJson);
    return this.#save({ ...config, keys: config.keys ?? this.#config?.keys ?? [] });
  }

  /** Adds a key's hash; undefined where the tenant is not configured. */
  async addKey(key: KeyHash): Promise<string | undefined> {
    return this.#changeKeys((keys) => [...keys, key]);
  }

  async removeKey(id: string): Promise<string | undefined> {
    return this.#changeKeys((keys) => keys.filter((k) => k.id !== id));
  }

  /** The tenant's document as it was put; undefined where there is none. */
  async document(): Promise<string | undefined> {
    const document = this.#store.document();
    return document && JSON.stringify(document);
  }

  /** Forgets the tenant and all that was learned of it; who waits is refused. */
  async destroy(): Promise<void> {
    if (this.#config) {
      const none = { ...toDispatcherConfig(this.#config), backends: {} };
      await this.#step([{ type: 'configured', config: none }]);
    }
    this.#dispatcher = undefined;
    this.#config = undefined;
    this.#version = 0;
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    this.#alarm.rang();
    this.#store = new TenantStore(this.ctx.storage);
  }

  /** The cron asks which endpoints the forecast wants warm before it asks again. */
  async forecast(): Promise<ForecastAnswer> {
    const pings: PingOrder[] = [];
    await this.#step([{ type: 'forecast', aheadMs: FORECAST_PERIOD_MS }], pings);
    const now = Date.now();
    const worth = [...(this.#dispatcher?.backends.values() ?? [])].some(
      (b) => b.canGoCold && b.arrivals.needProbability(now, HOUR_MS) >= WORTH_ASKING,
    );
    return worth ? { pings, nextAt: now + FORECAST_PERIOD_MS } : { pings };
  }

  /** How a ping ended that the cron sent. */
  async woken(ping: PingOrder, ok: boolean, tookMs: number): Promise<void> {
    await this.#step([{ type: 'woken', ...ping, ok, tookMs }]);
  }

  /** What the admin API shows, as text; undefined where the tenant is not configured. */
  async view(name: ViewName, app?: string): Promise<string | undefined> {
    if (!this.#dispatcher) return undefined;
    this.#flush();
    return VIEWS[name](this.#dispatcher, this.#store, app);
  }

  override async alarm(): Promise<void> {
    this.#alarm.rang();
    try {
      await this.#step([{ type: 'tick' }]);
    } catch (error) {
      // After six failures the runtime drops an alarm, and every timeout would end with it.
      console.error(JSON.stringify({ event: 'alarm_failed', error: String(error) }));
      await this.#alarm.arm(Date.now() + RETRY_MS);
    }
  }

  async waitFor(callId: string): Promise<Grant | Refusal> {
    const answer = await (this.#waiters.wait(callId) ?? refusal('queue_timeout'));
    if (answer.status === 'refused') this.#waiters.delete(callId);
    return answer;
  }

  abandon(callId: string, ticket: Ticket): void {
    if (this.#waiters.owns(callId, ticket)) this.ctx.waitUntil(this.cancel(callId));
  }

  async #changeKeys(change: (keys: KeyHash[]) => KeyHash[]): Promise<string | undefined> {
    const document = this.#store.document();
    if (!document || !this.#config) return undefined;
    return this.#save({ ...document.config, keys: change(this.#config.keys ?? []) });
  }

  async #save(config: Record<string, unknown>): Promise<string> {
    // Never smaller than before, also not after the tenant was deleted and made anew.
    const document = { version: Math.max(this.#version + 1, Date.now()), config };
    this.#store.saveDocument(document);
    this.#adopt(document);
    await this.#step([]);
    return JSON.stringify(document);
  }

  #knowsKey(keyId: string): boolean {
    return this.#config?.keys?.some((k) => k.id === keyId) ?? false;
  }

  /** Takes over from KV what the caller knows already and this object does not. */
  async #takeOver(version: number): Promise<void> {
    if (version <= this.#version) return;
    const document = await readDocument(this.env.TENANTS, this.ctx.id.name ?? '');
    // Only what parses is stored: the last good configuration outlives a restart too.
    if (document && document.version > this.#version && this.#adopt(document)) {
      this.#store.saveDocument(document);
    }
  }

  /** Obeys a configuration from now on; false where it does not parse. */
  #adopt(document: TenantDocument): boolean {
    const development = this.env.ENVIRONMENT === 'development';
    const parsed = parseTenantConfig(document.config, { development });
    if (!parsed.ok) {
      // The last good configuration stays in force.
      const { problems } = parsed;
      console.error(JSON.stringify({ event: 'bad_configuration', problems }));
      return false;
    }
    this.#version = document.version;
    this.#config = parsed.config;
    const config = toDispatcherConfig(parsed.config);
    const now = Date.now();
    if (this.#dispatcher)
      this.#perform(this.#dispatcher.step([{ type: 'configured', config }], now));
    else this.#dispatcher = restoreDispatcher(config, this.#store, now);
    return true;
  }

  /** The one way in: events to the dispatcher, its effects done, the alarm armed. */
  async #step(events: readonly DispatchEvent[], pings?: PingOrder[]): Promise<void> {
    const dispatcher = this.#dispatcher;
    if (!dispatcher) return;
    const now = Date.now();
    this.#perform(dispatcher.step(events, now), pings);
    if (events.some((e) => e.type !== 'tick')) this.#pending.observed(now);
    if (now >= this.#pending.dueAt) this.#flush();
    await this.#arm(now);
  }

  async #arm(now: number): Promise<void> {
    const due = this.#dispatcher?.dueAt(now) ?? Infinity;
    await this.#alarm.arm(Math.min(due, this.#pending.dueAt));
  }

  #flush(): void {
    if (this.#dispatcher) this.#store.saveBatch(this.#pending.take(this.#dispatcher));
  }

  #perform(effects: readonly Effect[], pings?: PingOrder[]): void {
    for (const effect of effects) this.#do(effect, pings);
  }

  #do(effect: Effect, pings: PingOrder[] | undefined): void {
    switch (effect.type) {
      case 'granted':
        return this.#grant(effect);
      case 'refused':
        return this.#waiters.resolve(effect.callId, refusal(effect.code, effect.retryAfterMs));
      case 'released':
        if (effect.cause === 'expired') this.#waiters.delete(effect.callId);
        return this.#store.deleteLease(effect.callId);
      case 'wake': {
        const { backend, endpoint, wake, dryRun } = effect;
        if (dryRun) {
          const endedAt = wake.at;
          this.#pending.wakeEnded({ backend, endpoint, wake, outcome: 'dry-run', endedAt });
        } else if (pings) pings.push({ backend, endpoint });
        else this.ctx.waitUntil(this.#ping({ backend, endpoint }));
        return;
      }
      case 'wake-ended': {
        const { backend, endpoint, wake, outcome } = effect;
        this.#pending.wakeEnded({ backend, endpoint, wake, outcome, endedAt: Date.now() });
        return;
      }
      case 'run-finished': {
        const { record, learned } = effect;
        const finished = record && { record, learned, finishedAt: Date.now() };
        return this.#pending.runEnded(effect.runId, finished);
      }
      default:
        return effect satisfies never;
    }
  }

  #grant(granted: Granted): void {
    const { callId, backend, endpoint, expiresAt, waitedMs, coldMs, rankMs } = granted;
    const call = this.#dispatcher?.call(callId);
    const config = this.#config;
    if (!call?.lease || !config) return;
    this.#store.saveLease(call.request, call.lease);
    const address = addressOf(config, backend, endpoint);
    // Only a lease from before a restart can be at an endpoint that is configured no more.
    if (!address) return this.#waiters.resolve(callId, refusal('backend_removed'));
    const { leaseMs } = config;
    const answer = { endpoint, address, expiresAt, waitedMs, coldMs, rankMs, leaseMs };
    this.#waiters.resolve(callId, { status: 'granted', ...answer });
  }

  /** Wakes an endpoint from here, within the minute that the cron does not see. */
  async #ping(ping: PingOrder): Promise<void> {
    if (!this.#config) return;
    const { ok, tookMs } = await wakeEndpoint(this.#config, ping, { ...this.env });
    await this.woken(ping, ok, tookMs);
  }

  /** Has the cron ask for forecasts while there is traffic to backends that go cold. */
  #announce(): void {
    const now = Date.now();
    if (now - this.#announcedAt < ANNOUNCE_MS) return;
    const wanted = [...(this.#dispatcher?.backends.values() ?? [])].some((b) => b.canGoCold);
    if (!wanted) return;
    this.#announcedAt = now;
    this.ctx.waitUntil(announce(this.env.DIRECTORY, this.ctx.id.name ?? '', now));
  }
}

function refusal(code: RefusedCode, retryAfterMs = 0): Refusal {
  return { status: 'refused', code, retryAfterMs };
}

/**
 * The object of one tenant: RPC in, dispatcher, effects out, one alarm. It decides nothing (that is
 * src/core) and knows no SQL (that is tenant-store.ts); effects.ts does what the dispatcher wants
 * done, tenant-settings.ts is the configuration that it obeys.
 *
 * Durable before it is acknowledged: leases and the configuration. A few seconds behind at most:
 * what is learned (pending-batch.ts). In memory only: those who wait.
 */
import { DurableObject } from 'cloudflare:workers';
import type { KeyHash, TenantConfig } from '../../src/config/schema.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type {
  Admission,
  ArchiveHead,
  ArchivePage,
  CallResult,
  EnqueueRequest,
  ForecastAnswer,
  Grant,
  ImportCount,
  PingOrder,
  Refusal,
  RunEvent,
  TenantApi,
  ViewName,
} from '../../src/protocol/tenant.ts';
import { FORECAST_PERIOD_MS } from '../directory/directory-client.ts';
import { CallAccounting } from './call-accounting.ts';
import { DispatchLoop } from './dispatch-loop.ts';
import { EffectRunner } from './effect-runner.ts';
import { Forecasts } from './forecasts.ts';
import { PendingBatch } from './pending-batch.ts';
import { Pings } from './pings.ts';
import { refusal } from './refusal.ts';
import { runsView } from './runs-view.ts';
import { archiveHead, archivePage, importRuns } from './tenant-archive.ts';
import { TenantSettings } from './tenant-settings.ts';
import { TenantStore } from './tenant-store.ts';
import { VIEWS } from './tenant-view.ts';
import { Ticket, type TicketHost } from './ticket.ts';
import { Waiters } from './waiters.ts';

/** Time that a cancellation takes to reach the endpoint, ms; a new call must not overtake it. */
const CANCEL_GRACE_MS = 20;

export class TenantObject extends DurableObject<Env> implements TenantApi, TicketHost {
  readonly #waiters = new Waiters();
  readonly #pending = new PendingBatch();
  readonly #store: TenantStore;
  readonly #settings: TenantSettings;
  readonly #accounting: CallAccounting;
  readonly #effects: EffectRunner;
  readonly #loop: DispatchLoop;
  readonly #forecasts: Forecasts;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new TenantStore(ctx.storage);
    this.#accounting = new CallAccounting((keyId) => this.#settings.rateLimits(keyId));
    const tenant = ctx.id.name ?? '';
    const waitUntil = (promise: Promise<unknown>) => ctx.waitUntil(promise);
    const config = () => this.#settings.config;
    this.#forecasts = new Forecasts(env.DIRECTORY, tenant);
    const pings = new Pings({
      env,
      tenant,
      config,
      waitUntil,
      wakeAnswered: (...how) => this.wakeAnswered(...how),
    });
    const [store, waiters, pending, accounting] = [
      this.#store,
      this.#waiters,
      this.#pending,
      this.#accounting,
    ];
    this.#effects = new EffectRunner({
      store,
      waiters,
      pending,
      accounting,
      config,
      call: (callId) => this.#dispatcher?.call(callId),
      wake: (order) => pings.wake(order),
      release: (order) => pings.release(order),
    });
    const effects = this.#effects;
    this.#loop = new DispatchLoop({
      storage: ctx.storage,
      store,
      effects,
      pending,
      waiters,
      waitUntil,
    });
    const onChange = (changed: TenantConfig) => this.#loop.configure(changed);
    this.#settings = new TenantSettings({ store, env, tenant, onChange });
    this.#settings.restore();
    // Leases that were restored must expire even if nobody ever calls again.
    waitUntil(this.#loop.arm());
  }

  /** Asks for a slot: answered at once. Who is queued waits at `ticket.granted()`. */
  async enqueue(request: EnqueueRequest): Promise<Admission & { ticket?: Ticket }> {
    const { call, keyId, keyHash, version } = request;
    await this.#settings.adoptFromKv(version);
    const dispatcher = this.#dispatcher;
    if (!dispatcher) return refusal('tenant_unconfigured');
    if (this.#settings.isRevoked(keyId, version, keyHash)) return refusal('key_revoked');
    const limited = this.#accounting.charge(request, Date.now());
    if (limited) return limited;
    const ticket = new Ticket(this, call.callId);
    this.#waiters.add(call.callId, ticket);
    await this.#loop.step([{ type: 'submitted', call }]);
    this.ctx.waitUntil(this.#forecasts.announce(dispatcher, Date.now()));
    const answer = this.#answer(call.callId);
    if (answer?.status === 'granted') return { ...answer, ticket };
    if (answer) {
      this.#waiters.delete(call.callId);
      return answer;
    }
    return { status: 'queued', ...this.#accounting.placeInQueue(dispatcher, call.callId), ticket };
  }

  /** The report of a Worker that lost its ticket; idempotent. */
  async settle(callId: string, result: CallResult): Promise<void> {
    this.#waiters.delete(callId);
    this.#accounting.ended(callId, result, Date.now());
    await this.#loop.step([{ type: 'ended', callId, result }]);
  }

  /** An attempt failed before anything reached the client. True where the call waits for another. */
  async again(callId: string, result: CallResult): Promise<boolean> {
    const dispatcher = this.#dispatcher;
    this.#accounting.attemptEnded(callId, result);
    await this.#loop.step([{ type: 'ended', callId, result, again: true }]);
    // Of a call that was refused in the same step its caller is told, too; and to ask again where
    // its next grant could not be made durable.
    const told = this.#waiters.answer(callId) ?? this.#waiters.failure(callId);
    if (told || dispatcher?.call(callId)) return true;
    this.#waiters.delete(callId);
    this.#accounting.ended(callId, result, Date.now());
    return false;
  }

  /** The caller still lives; without this for `leaseMs` its slot is taken back. */
  async renew(callId: string): Promise<void> {
    await this.#loop.step([{ type: 'renewed', callId }]);
    const lease = this.#dispatcher?.call(callId)?.lease;
    if (lease) this.#effects.renewed(callId, lease);
  }

  /** The client left and its Worker says so before the ticket does; idempotent. */
  async cancel(callId: string): Promise<void> {
    this.#waiters.delete(callId);
    const ran = this.#dispatcher?.call(callId)?.lease !== undefined;
    this.#accounting.cancelled(callId, ran, Date.now());
    await this.#loop.step([{ type: 'cancelled', callId }]);
  }

  /** Whether a key was revoked, for requests that need nothing else of this object. */
  async isRevoked(keyId: string, version: number, keyHash?: string): Promise<boolean> {
    await this.#settings.adoptFromKv(version);
    return this.#settings.isRevoked(keyId, version, keyHash);
  }

  /** What a client says of its run. Answers whether the run was known. */
  async runEvent(event: RunEvent, version: number, opens = true): Promise<boolean> {
    await this.#settings.adoptFromKv(version);
    const known = this.#dispatcher?.register.runs.has(event.runId) ?? false;
    if (known || opens) await this.#loop.step([event]);
    return known;
  }

  /**
   * Stores a checked configuration; one without keys keeps the present ones. Documents pass as JSON
   * text, here and below: RPC has no type for "any JSON".
   */
  async putConfig(configJson: string): Promise<string> {
    await this.#settings.adoptFromKvIfUnknown();
    return this.#changed(this.#settings.put(JSON.parse(configJson)));
  }

  /** Adds a key's hash; undefined where the tenant is not configured. */
  async addKey(key: KeyHash): Promise<string | undefined> {
    await this.#settings.adoptFromKvIfUnknown();
    return this.#changed(
      this.#settings.changeKeys((keys) => [...keys.filter((k) => k.id !== key.id), key]),
    );
  }

  async removeKey(id: string): Promise<string | undefined> {
    await this.#settings.adoptFromKvIfUnknown();
    return this.#changed(this.#settings.changeKeys((keys) => keys.filter((k) => k.id !== id)));
  }

  /** The tenant's document as it was put; undefined where there is none. */
  async document(): Promise<string | undefined> {
    const document = this.#store.document();
    return document && JSON.stringify(document);
  }

  /** Forgets the tenant and all that was learned of it; who waits is refused. */
  async destroy(): Promise<void> {
    await this.#loop.shutDown(this.#settings.config);
    this.#accounting.clear();
    await this.#settings.clear();
    this.#loop.alarmDeleted();
  }

  /** The cron: pings what the forecast wants warm before it asks again; answers when that is. */
  async forecast(): Promise<ForecastAnswer> {
    const effects = await this.#loop.step([{ type: 'forecast', aheadMs: FORECAST_PERIOD_MS }]);
    const pinged = effects.filter((e) => e.type === 'wake' && !e.dryRun).length;
    return { pinged, ...this.#forecasts.next(this.#dispatcher, Date.now()) };
  }

  /** How a wake ended. */
  async wakeAnswered({ backend, endpoint }: PingOrder, ok: boolean, tookMs: number): Promise<void> {
    await this.#loop.step([{ type: 'wake-answered', backend, endpoint, ok, tookMs }]);
  }

  /** What the admin API shows, as text; undefined where the tenant is not configured. */
  async view(name: ViewName, app?: string): Promise<string | undefined> {
    if (!this.#dispatcher) return undefined;
    this.#loop.flush();
    return VIEWS[name]({ dispatcher: this.#dispatcher, store: this.#store, app, now: Date.now() });
  }

  /** Finished runs as JSON Lines; undefined where the tenant is not configured. */
  async runs(app?: string): Promise<ReadableStream | undefined> {
    if (!this.#dispatcher) return undefined;
    this.#loop.flush();
    return runsView(this.#store.recorded, app);
  }

  /** What an export begins with; undefined where the tenant is not configured. */
  async archive(): Promise<ArchiveHead | undefined> {
    this.#loop.flush();
    return archiveHead(this.#store);
  }

  /** A page of an export, from behind a place on. */
  async archivePage(head: ArchiveHead, after: number): Promise<ArchivePage> {
    return archivePage(this.#store, head, after);
  }

  /** Takes in runs from elsewhere, as JSON text; undefined where the tenant is not configured. */
  async importRuns(runs: string, startMs: number): Promise<ImportCount | undefined> {
    if (!this.#dispatcher) return undefined;
    this.#loop.flush();
    return importRuns(this.#store, this.#dispatcher, JSON.parse(runs), startMs);
  }

  /** The story of a call as text, by its id or by its request's; undefined where it is not known. */
  async story(id: string): Promise<string | undefined> {
    return this.#accounting.log.entryJson(id);
  }

  override alarm(): Promise<void> {
    return this.#loop.onAlarm();
  }

  async waitFor(callId: string): Promise<Grant | Refusal> {
    try {
      const answer = await (this.#waiters.wait(callId) ?? refusal('queue_timeout'));
      if (answer.status === 'refused') this.#waiters.delete(callId);
      return answer;
    } catch (error) {
      if (this.#waiters.failure(callId) === error) this.#waiters.delete(callId);
      throw error;
    }
  }

  where(callId: string): { position: number; etaMs: number } {
    const dispatcher = this.#dispatcher;
    if (!dispatcher || dispatcher.call(callId)?.lease) return { position: 0, etaMs: 0 };
    return this.#accounting.placeInQueue(dispatcher, callId);
  }

  abandon(callId: string, ticket: Ticket): void {
    if (!this.#waiters.owns(callId, ticket)) return;
    const runs = this.#dispatcher?.call(callId)?.lease !== undefined;
    this.ctx.waitUntil(runs ? this.#cancelSoon(callId, ticket) : this.cancel(callId));
  }

  /** The endpoint hears of the Worker's end a moment later than we do: until then it has the call. */
  async #cancelSoon(callId: string, ticket: Ticket): Promise<void> {
    await new Promise<void>((resolve) => setTimeout(resolve, CANCEL_GRACE_MS));
    // Asked again meanwhile, the call is another ticket's.
    if (this.#waiters.owns(callId, ticket)) await this.cancel(callId);
  }

  /** What the call got at once. Throws where that could not be made durable: it is to ask again. */
  #answer(callId: string): Grant | Refusal | undefined {
    const failure = this.#waiters.failure(callId);
    if (!failure) return this.#waiters.answer(callId);
    this.#waiters.delete(callId);
    throw failure;
  }

  /** After a change of the configuration: what it grants and when it is due may be new. */
  async #changed<T>(document: T): Promise<T> {
    await this.#loop.step([]);
    return document;
  }

  get #dispatcher(): Dispatcher | undefined {
    return this.#loop.dispatcher;
  }
}

/**
 * The Durable Object of one tenant: it turns RPC calls into events of the dispatcher, and is the
 * host of the tickets. It makes no scheduling decision (src/core does) and contains no SQL
 * (tenant-store.ts does). effect-runner.ts carries out the dispatcher's effects, dispatch-loop.ts
 * drives it and sets the alarm, tenant-settings.ts holds the configuration.
 *
 * Leases and the configuration are stored before they are acknowledged. What is learned is stored a
 * few seconds later at most (pending-batch.ts). Waiting callers exist in memory only.
 */
import { DurableObject } from 'cloudflare:workers';
import type { KeyHash, TenantConfig } from '../../src/config/schema.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { ReleaseResult } from '../../src/endpoints/release.ts';
import type {
  Admission,
  CallResult,
  EnqueueRequest,
  Grant,
  Refusal,
} from '../../src/protocol/admission.ts';
import type { ArchiveHead, ArchivePage, ImportCount } from '../../src/protocol/archive.ts';
import type {
  RequestsCharged,
  RunEvent,
  RunReport,
  RunReportAnswer,
  SideCallAnswer,
  SideCallRequest,
} from '../../src/protocol/key-requests.ts';
import type { LoanTurn, LoanWord } from '../../src/protocol/loans.ts';
import { logFailure } from '../../src/protocol/log-line.ts';
import type { ConsoleKey, ConsoleQuestion, ConsoleReply } from '../../src/protocol/looking.ts';
import type {
  AdapterOrder,
  LoadReport,
  PingOrder,
  PrefixText,
  WakeReport,
} from '../../src/protocol/orders.ts';
import type {
  SteerAnswer,
  SteeringQuestion,
  SteeringReply,
  SteerOrder,
} from '../../src/protocol/steering.ts';
import type { ForecastAnswer, TenantApi, ViewName } from '../../src/protocol/tenant.ts';
import { FORECAST_PERIOD_MS } from '../directory/directory-client.ts';
import { AdapterOrders } from './adapter-orders.ts';
import { CallAccounting } from './call-accounting.ts';
import { Looking } from './console/looking.ts';
import { Steering } from './console/steering.ts';
import { DispatchLoop } from './dispatch-loop.ts';
import { EffectRunner } from './effect-runner.ts';
import { Forecasts } from './forecasts.ts';
import { KeyRequests } from './key-requests.ts';
import { LentSlots } from './lent-slots.ts';
import { LoadAsks } from './load-asks.ts';
import { PendingBatch } from './pending-batch.ts';
import { permitted } from './permitted-call.ts';
import { Pings } from './pings.ts';
import { PrefixRequests } from './prefix-requests.ts';
import type { PrefixTexts } from './prefix-texts.ts';
import { refusal } from './refusal.ts';
import { runsView } from './runs-view.ts';
import { archiveHead, archivePage, importRuns } from './tenant-archive.ts';
import { TenantMetrics } from './tenant-metrics.ts';
import { TenantSettings } from './tenant-settings.ts';
import { TenantStore } from './tenant-store.ts';
import { VIEWS } from './tenant-view.ts';
import { Ticket, type TicketHost } from './ticket.ts';
import { Waiters } from './waiters.ts';

/**
 * Time that a cancellation takes to reach the endpoint, ms. The slot is kept for so long, because a
 * new call must not reach the endpoint first.
 */
const CANCEL_GRACE_MS = 20;

export class TenantObject extends DurableObject<Env> implements TenantApi, TicketHost {
  readonly #waiters = new Waiters();
  readonly #pending = new PendingBatch();
  readonly #metrics: TenantMetrics;
  readonly #store: TenantStore;
  readonly #settings: TenantSettings;
  readonly #accounting: CallAccounting;
  readonly #effects: EffectRunner;
  readonly #loop: DispatchLoop;
  readonly #forecasts: Forecasts;
  readonly #keyRequests: KeyRequests;
  readonly #lent: LentSlots;
  readonly #looking: Looking;
  readonly #steering: Steering;

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
      wakeAnswered: (order, { ok, tookMs, ...details }) =>
        this.wakeAnswered(order, ok, tookMs, details),
      releaseAnswered: (order, result) => this.#releaseAnswered(order, result),
    });
    const asks = new LoadAsks({
      env,
      tenant,
      config,
      waitUntil,
      told: ({ backend, endpoint }, load) =>
        this.#loop.step([{ type: 'load-told', backend, endpoint, ...(load ? { load } : {}) }]),
    });
    const adapters = new AdapterOrders({
      env,
      tenant,
      config,
      waitUntil,
      loaded: (order, report) => this.#adapterLoaded(order, report),
    });
    const reads = new PrefixRequests({
      env,
      tenant,
      config,
      waitUntil,
      text: ({ backend, link }) => this.#store.prefixes.take(backend, link, Date.now()),
      answered: ({ backend, endpoint, readAt }, result) =>
        this.#loop.step([{ type: 'prefix-answered', backend, endpoint, readAt, ...result }]),
    });
    const [store, waiters, pending, accounting] = [
      this.#store,
      this.#waiters,
      this.#pending,
      this.#accounting,
    ];
    this.#metrics = new TenantMetrics({
      register: env.METRICS,
      tenant,
      store,
      dispatcher: () => this.#dispatcher,
      sideCalls: () => this.#keyRequests.sideCalls,
      flush: () => {
        if (pending.dueAt < Infinity) this.#loop.flush();
      },
      waitUntil,
    });
    const { counters } = this.#metrics;
    this.#effects = new EffectRunner({
      store,
      waiters,
      pending,
      accounting,
      counters,
      config,
      call: (callId) => this.#dispatcher?.call(callId),
      wake: (order) => pings.wake(order),
      release: (order) => pings.release(order),
      askLoad: (order) => asks.ask(order),
      loadAdapter: (order) => adapters.load(order),
      readPrefix: (order) => reads.read(order),
      stopRead: (order) => reads.stop(order),
      loanEnds: (effect) => this.#lent.ends(effect),
    });
    const effects = this.#effects;
    this.#loop = new DispatchLoop({
      storage: ctx.storage,
      store,
      effects,
      pending,
      waiters,
      counters,
      onCounted: () => this.#metrics.changed(),
      waitUntil,
      stepped: (events, done) => this.#looking?.stepped(events, done),
    });
    const onChange = (changed: TenantConfig) => {
      this.#loop.configure(changed);
      waitUntil(this.#prefixesKept((prefixes) => prefixes.keepOnly(changed)));
      this.#looking.stream.configured();
    };
    this.#settings = new TenantSettings({ store, env, tenant, onChange });
    const [settings, loop] = [this.#settings, this.#loop];
    this.#keyRequests = new KeyRequests({ settings, accounting, loop, waitUntil });
    this.#lent = new LentSlots({ store, settings, accounting, loop, effects });
    this.#looking = new Looking({ state: ctx, store, settings, loop, log: accounting.log });
    const onRecorded = () => this.#looking.stream.changed('audit');
    this.#steering = new Steering({ store, settings, loop, onRecorded });
    this.#settings.restore();
    // Restored leases must expire even if no request ever comes again.
    waitUntil(this.#loop.arm());
  }

  /** Asks for a slot; answers at once. A queued caller then waits at `ticket.granted()`. */
  async enqueue(request: EnqueueRequest): Promise<Admission & { ticket?: Ticket }> {
    const { keyId, keyHash, version } = request;
    await this.#settings.adoptFromKv(version);
    const dispatcher = this.#dispatcher;
    const { config } = this.#settings;
    if (!dispatcher || !config)
      return this.#metrics.turnedAway(request, refusal('tenant_unconfigured'));
    if (this.#settings.isRevoked(keyId, version, keyHash)) {
      return this.#metrics.turnedAway(request, refusal('key_revoked'));
    }
    const permission = permitted(request, config, dispatcher.register);
    if ('status' in permission) return this.#metrics.turnedAway(request, permission);
    const { call } = permission;
    const limited = this.#accounting.charge({ ...request, call }, Date.now());
    if (limited) return this.#metrics.turnedAway(request, limited);
    const ticket = new Ticket(this, call.callId);
    this.#waiters.add(call.callId, ticket);
    await this.#loop.step([{ type: 'submitted', call: { ...call, keyId } }]);
    const now = Date.now();
    if (this.#forecasts.isDue(dispatcher, now)) {
      this.ctx.waitUntil(this.#forecasts.announce(now));
    }
    const answer = this.#answer(call.callId);
    if (answer?.status === 'granted') {
      const loan = await this.#lent.lend(request, answer);
      return { ...answer, ...(loan ? { loan } : {}), ticket };
    }
    if (answer) {
      this.#waiters.delete(call.callId);
      return answer;
    }
    return { status: 'queued', ...this.#accounting.placeInQueue(dispatcher, call.callId), ticket };
  }

  /**
   * Takes the report of a Worker that lost its ticket. Idempotent. The slot is free at once; the
   * answer comes when the lease's row is gone, some ms later: true where the loan `keepFor` has the slot.
   */
  async settle(callId: string, result: CallResult, keepFor?: string): Promise<boolean> {
    this.#waiters.delete(callId);
    this.#accounting.ended(callId, result, Date.now());
    const kept = keepFor === undefined ? {} : { keepFor };
    const effects = await this.#loop.step([{ type: 'ended', callId, result, ...kept }]);
    const hasGrown = keepFor !== undefined && (await this.#lent.grown(effects));
    await this.#store.leases.over(callId);
    return hasGrown;
  }

  /**
   * Takes the report of an attempt that failed before anything reached the client. Answers true
   * where `waitFor` gives the next answer, a grant or a refusal.
   */
  async again(callId: string, result: CallResult): Promise<boolean> {
    const dispatcher = this.#dispatcher;
    this.#accounting.attemptEnded(callId, result);
    await this.#loop.step([{ type: 'ended', callId, result, again: true }]);
    // The caller waits for this answer, so it is not held back for a grant that may follow.
    if (this.#store.leases.hasRowOfEnded(callId)) this.#loop.deleteEndedLeases('all');
    // The caller must still collect a refusal from the same step, or the failure that makes it ask
    // again where its next grant could not be stored.
    const hasAnswer = this.#waiters.answer(callId) ?? this.#waiters.failure(callId);
    if (hasAnswer || dispatcher?.call(callId)) return true;
    this.#waiters.delete(callId);
    this.#accounting.ended(callId, result, Date.now());
    return false;
  }

  /** Renews the lease of a live caller. Without a renewal for `leaseMs` the slot is taken back. */
  async renew(callId: string): Promise<void> {
    await this.#loop.step([{ type: 'renewed', callId }]);
    const lease = this.#dispatcher?.call(callId)?.lease;
    if (lease) this.#effects.renewed(callId, lease);
  }

  /** Ends a call whose client left. A Worker may report that before the ticket does. Idempotent. */
  async cancel(callId: string): Promise<void> {
    this.#waiters.delete(callId);
    const hadSlot = this.#dispatcher?.call(callId)?.lease !== undefined;
    this.#accounting.cancelled(callId, hadSlot, Date.now());
    await this.#loop.step([{ type: 'cancelled', callId }]);
    await this.#store.leases.over(callId);
  }

  /** Takes what an isolate tells of calls on borrowed slots; answers when it is to tell more. */
  loanTurn(turn: LoanTurn): Promise<LoanWord> {
    return this.#lent.turn(turn);
  }

  /** Takes the text that a grant has asked for. What cannot be stored is dropped. */
  async keepPrefix(text: PrefixText): Promise<void> {
    const { config } = this.#settings;
    if (!config) return;
    await this.#prefixesKept((prefixes) => prefixes.keep(text, config, Date.now()));
  }

  /** Whether an API key was revoked, for requests that need nothing else of this object. */
  async isRevoked(keyId: string, version: number, keyHash?: string): Promise<boolean> {
    await this.#settings.adoptFromKv(version);
    return this.#settings.isRevoked(keyId, version, keyHash);
  }

  /**
   * Charges requests that need no slot, such as orders of jobs, to an API key. Also answers whether
   * the key was revoked, so that such a request asks this object once.
   */
  async chargeRequests(
    keyId: string,
    count: number,
    version: number,
    keyHash?: string,
  ): Promise<RequestsCharged> {
    await this.#settings.adoptFromKv(version);
    if (this.#settings.isRevoked(keyId, version, keyHash)) {
      this.#metrics.refused(keyId, 'key_revoked');
      return { ok: false, code: 'key_revoked' };
    }
    const charged = this.#accounting.chargeRequests(keyId, count, Date.now());
    if (charged.ok) return charged;
    this.#metrics.refused(keyId, 'rate_limit_exceeded');
    return { ...charged, code: 'rate_limit_exceeded' };
  }

  /**
   * Applies what a client reports of its run. Answers whether the run was known; an unknown run is
   * opened unless `opens` is false.
   */
  async runEvent(event: RunEvent, version: number, opens = true): Promise<boolean> {
    await this.#settings.adoptFromKv(version);
    await this.#lent.reported();
    const isKnown = this.#dispatcher?.register.runs.has(event.runId) ?? false;
    if (isKnown || opens) await this.#loop.step([event]);
    return isKnown;
  }

  /** Applies what a client reports of its run, and charges it to its API key. */
  async reportRun(report: RunReport): Promise<RunReportAnswer> {
    await this.#lent.reported();
    const answer = await this.#keyRequests.reportRun(report);
    if (answer.status === 'refused') this.#metrics.refused(report.keyId, answer.code);
    return answer;
  }

  /** Chooses an endpoint for a request without a slot; answers at once, and wakes nothing. */
  async beginSideCall(request: SideCallRequest): Promise<SideCallAnswer> {
    const answer = await this.#keyRequests.beginSideCall(request);
    if (answer.status === 'refused') this.#metrics.refused(request.keyId, answer.code);
    return answer;
  }

  /**
   * Stores a checked configuration and answers the document; one without keys keeps the present
   * ones. Documents pass as JSON text, here and below, since RPC has no type for "any JSON".
   */
  async putConfig(configJson: string, by?: string): Promise<string> {
    await this.#settings.adoptFromKvIfUnknown();
    const record = this.#steering.recorded('config-put', '', by);
    return this.#changed(this.#settings.put(JSON.parse(configJson), record));
  }

  /**
   * Adds an API key's hash, or replaces that of the key with the same id, which keeps its limits.
   * Undefined where the tenant is not configured.
   */
  async addKey(key: KeyHash, by?: string): Promise<string | undefined> {
    await this.#settings.adoptFromKvIfUnknown();
    const replaced = (keys: KeyHash[]) => keys.map((k) => (k.id === key.id ? { ...k, ...key } : k));
    return this.#changed(
      this.#settings.changeKeys(
        (keys) => (keys.some((k) => k.id === key.id) ? replaced(keys) : [...keys, key]),
        this.#steering.recorded('key-made', key.id, by),
      ),
    );
  }

  async removeKey(id: string, by?: string): Promise<string | undefined> {
    await this.#settings.adoptFromKvIfUnknown();
    const record = this.#steering.recorded('key-revoked', id, by);
    const changed = this.#settings.changeKeys((keys) => keys.filter((k) => k.id !== id), record);
    return this.#changed(changed);
  }

  /** Carries out a change by the administrator, and writes down who made it. */
  steer(order: SteerOrder, by: string): Promise<SteerAnswer> {
    return this.#steering.steer(order, by);
  }

  /** The tenant's document as it was stored; undefined where there is none. */
  async document(): Promise<string | undefined> {
    const document = this.#store.document();
    return document && JSON.stringify(document);
  }

  /** What the console shows of a tenant's learning, settings and changes. `key`: the API key that asks. */
  async steeringView(question: SteeringQuestion, key?: ConsoleKey): Promise<SteeringReply> {
    await this.#lent.callsKnown();
    return this.#steering.view(question, key);
  }

  /** Deletes the tenant and all that was learned of it; waiting calls are refused. */
  async destroy(by?: string): Promise<void> {
    this.#steering.record('tenant-deleted', '', by);
    await this.#loop.shutDown(this.#settings.config);
    await this.#metrics.forget();
    this.#accounting.clear();
    this.#looking.stream.deleted();
    await this.#settings.clear();
    this.#loop.alarmDeleted();
  }

  /**
   * The cron's request: wakes what the forecast wants warm before the cron asks again. Answers the
   * number of wakes and when the next forecast is due.
   */
  async forecast(): Promise<ForecastAnswer> {
    await this.#loop.whenRead();
    const effects = await this.#loop.step([{ type: 'forecast', aheadMs: FORECAST_PERIOD_MS }]);
    const pinged = effects.filter((e) => e.type === 'wake' && !e.dryRun).length;
    return { pinged, ...this.#forecasts.next(this.#dispatcher, Date.now()) };
  }

  /** A view for the admin API, as text; undefined where the tenant is not configured. */
  async view(name: ViewName, app?: string): Promise<string | undefined> {
    await this.#loop.whenRead();
    await this.#lent.callsKnown();
    if (!this.#dispatcher) return undefined;
    this.#loop.flush();
    const { sideCalls } = this.#keyRequests;
    const [dispatcher, store] = [this.#dispatcher, this.#store];
    return VIEWS[name]({ dispatcher, store, sideCalls, app, now: Date.now() });
  }

  /** The metrics of the moment, as JSON text; undefined where the tenant is not configured. */
  async figures(): Promise<string | undefined> {
    await this.#lent.callsKnown();
    return this.#metrics.text();
  }

  /** Finished runs as JSON Lines; undefined where the tenant is not configured. */
  async runs(app?: string): Promise<ReadableStream | undefined> {
    await this.#lent.callsKnown();
    if (!this.#dispatcher) return undefined;
    this.#loop.flush();
    return runsView(this.#store.recorded, app);
  }

  /** The head of an export; undefined where the tenant is not configured. */
  async archive(): Promise<ArchiveHead | undefined> {
    await this.#lent.callsKnown();
    this.#loop.flush();
    return archiveHead(this.#store);
  }

  /** The page of an export that follows the run with the sequence number `after`. */
  async archivePage(head: ArchiveHead, after: number): Promise<ArchivePage> {
    return archivePage(this.#store, head, after);
  }

  /**
   * Imports runs that were recorded elsewhere, as JSON text; their times count from `startMs`
   * (epoch ms). Undefined where the tenant is not configured.
   */
  async importRuns(runs: string, startMs: number, by?: string): Promise<ImportCount | undefined> {
    await this.#loop.whenRead();
    if (!this.#dispatcher) return undefined;
    if (by !== undefined) this.#steering.record('runs-imported', '', by);
    this.#loop.flush();
    return importRuns(this.#store, this.#dispatcher, JSON.parse(runs), startMs);
  }

  /**
   * The log entry of a call as JSON text, by its id or its request's; undefined if unknown. `keyId`:
   * the key that asks, whose own request ids come first.
   */
  async story(id: string, keyId?: string): Promise<string | undefined> {
    await this.#lent.callsKnown();
    return this.#accounting.log.entryJson(id, keyId);
  }

  /** Answers the console; `key`: the API key that asks, absent for the administrator. */
  async look(question: ConsoleQuestion, key?: ConsoleKey): Promise<ConsoleReply> {
    await this.#lent.callsKnown();
    return this.#looking.answer(question, key);
  }

  /** Opens the stream of a page of the console; only a Worker can send this. */
  override fetch(request: Request): Promise<Response> {
    return this.#looking.open(request);
  }

  override webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): void {
    this.#looking.stream.message(socket, data);
  }

  override webSocketClose(socket: WebSocket): void {
    this.#looking.stream.closed(socket);
  }

  override webSocketError(socket: WebSocket): void {
    this.#looking.stream.closed(socket);
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

  /** Tells the dispatcher how a wake ended. */
  async wakeAnswered(
    order: PingOrder,
    ok: boolean,
    tookMs: number,
    details: Omit<WakeReport, 'ok' | 'tookMs'> = {},
  ): Promise<void> {
    const { backend, endpoint, wakeAt } = order;
    const named = wakeAt === undefined ? {} : { wakeAt };
    await this.#loop.step([
      { type: 'wake-answered', backend, endpoint, ok, tookMs, ...named, ...details },
    ]);
  }

  /** Tells the dispatcher how a release ended. */
  async #releaseAnswered(order: PingOrder, result: ReleaseResult): Promise<void> {
    const { backend, endpoint } = order;
    await this.#loop.step([{ type: 'release-answered', backend, endpoint, ...result }]);
  }

  /** Tells the dispatcher how a load of an adapter ended. */
  async #adapterLoaded(order: AdapterOrder, report: LoadReport): Promise<void> {
    const { backend, endpoint, adapter, loadAt } = order;
    await this.#loop.step([
      { type: 'adapter-answered', backend, endpoint, adapter, loadAt, ...report },
    ]);
  }

  /** Changes which texts of prompts are kept, and tells the dispatcher what is there. */
  async #prefixesKept(change: (prefixes: PrefixTexts) => unknown): Promise<void> {
    const { prefixes } = this.#store;
    const before = prefixes.kept().length;
    try {
      change(prefixes);
    } catch (error) {
      logFailure('prefixes_not_changed', error);
    }
    const kept = prefixes.kept();
    if (before + kept.length === 0) return;
    await this.#loop.step([{ type: 'prefixes-kept', prefixes: kept }]);
  }

  /**
   * Cancels a running call after a short delay: the endpoint learns of the Worker's end later than
   * this object does, and is busy until then.
   */
  async #cancelSoon(callId: string, ticket: Ticket): Promise<void> {
    await new Promise<void>((resolve) => setTimeout(resolve, CANCEL_GRACE_MS));
    // A call that was submitted again meanwhile belongs to another ticket.
    if (this.#waiters.owns(callId, ticket)) await this.cancel(callId);
  }

  /**
   * The immediate answer to a submitted call; undefined while it waits. Throws where a grant could
   * not be stored, so that the Worker asks again.
   */
  #answer(callId: string): Grant | Refusal | undefined {
    const failure = this.#waiters.failure(callId);
    if (!failure) return this.#waiters.answer(callId);
    this.#waiters.delete(callId);
    throw failure;
  }

  /** Runs the dispatcher after a change of the configuration: grants and due times may be new. */
  async #changed<T>(document: T): Promise<T> {
    await this.#loop.step([]);
    return document;
  }

  get #dispatcher(): Dispatcher | undefined {
    return this.#loop.dispatcher;
  }
}

/**
 * The Durable Object of one tenant: its methods, and how its parts are put together. It makes no
 * scheduling decision (src/core does) and contains no SQL (tenant-store.ts does). call-desk.ts takes
 * calls and reports of them, dispatch-loop.ts drives the dispatcher and sets the alarm, effect-runner.ts
 * carries out its effects, endpoint-requests.ts asks endpoints, tenant-settings.ts holds the
 * configuration.
 *
 * Leases and the configuration are stored before they are acknowledged. What is learned is stored a
 * few seconds later at most (pending-batch.ts). Waiting callers exist in memory only.
 */
import { DurableObject } from 'cloudflare:workers';
import type { KeyHash, TenantConfig } from '../../src/config/schema.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { Admission, CallResult, EnqueueRequest } from '../../src/protocol/admission.ts';
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
import type { PingOrder, PrefixText, WakeReport } from '../../src/protocol/orders.ts';
import type {
  SteerAnswer,
  SteeringQuestion,
  SteeringReply,
  SteerOrder,
} from '../../src/protocol/steering.ts';
import type { ForecastAnswer, TenantApi, ViewName } from '../../src/protocol/tenant.ts';
import { FORECAST_PERIOD_MS } from '../directory/directory-client.ts';
import { CallAccounting } from './call-accounting.ts';
import { CallDesk } from './call-desk.ts';
import { Looking } from './console/looking.ts';
import { Steering } from './console/steering.ts';
import { DispatchLoop } from './dispatch-loop.ts';
import { EffectRunner } from './effect-runner.ts';
import { endpointRequests } from './endpoint-requests.ts';
import { Forecasts } from './forecasts.ts';
import { KeyRequests } from './key-requests.ts';
import { LentSlots } from './lent-slots.ts';
import { PendingBatch } from './pending-batch.ts';
import type { PrefixTexts } from './prefix-texts.ts';
import { runsView } from './runs-view.ts';
import { archiveHead, archivePage, importRuns } from './tenant-archive.ts';
import { TenantMetrics } from './tenant-metrics.ts';
import { TenantSettings } from './tenant-settings.ts';
import { TenantStore } from './tenant-store.ts';
import { VIEWS } from './tenant-view.ts';
import type { Ticket } from './ticket.ts';
import { Waiters } from './waiters.ts';

export class TenantObject extends DurableObject<Env> implements TenantApi {
  readonly #waiters = new Waiters();
  readonly #pending = new PendingBatch();
  readonly #metrics: TenantMetrics;
  readonly #store: TenantStore;
  readonly #settings: TenantSettings;
  readonly #accounting: CallAccounting;
  readonly #loop: DispatchLoop;
  readonly #forecasts: Forecasts;
  readonly #desk: CallDesk;
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
    const step: DispatchLoop['step'] = (events) => this.#loop.step(events);
    const wakeAnswered = (order: PingOrder, { ok, tookMs, ...details }: WakeReport) =>
      this.wakeAnswered(order, ok, tookMs, details);
    this.#forecasts = new Forecasts(env.DIRECTORY, tenant);
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
    const effects = new EffectRunner({
      store,
      waiters,
      pending,
      accounting,
      counters,
      config,
      call: (callId) => this.#dispatcher?.call(callId),
      ...endpointRequests({ env, tenant, config, waitUntil, store, step, wakeAnswered }),
      loanEnds: (effect) => this.#lent.ends(effect),
    });
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
    const [settings, loop, metrics] = [this.#settings, this.#loop, this.#metrics];
    const forecasts = this.#forecasts;
    this.#lent = new LentSlots({ store, settings, accounting, loop, effects });
    const lent = this.#lent;
    const calls = { lent, settings, loop, store, waiters, effects, accounting, metrics, forecasts };
    this.#desk = new CallDesk({ ...calls, waitUntil });
    this.#keyRequests = new KeyRequests({ settings, accounting, loop, waitUntil });
    this.#looking = new Looking({ state: ctx, store, settings, loop, log: accounting.log });
    const onRecorded = () => this.#looking.stream.changed('audit');
    this.#steering = new Steering({ store, settings, loop, onRecorded });
    this.#settings.restore();
    // Restored leases must expire even if no request ever comes again.
    waitUntil(this.#loop.arm());
  }

  /** Asks for a slot; answers at once. A queued caller then waits at `ticket.granted()`. */
  enqueue(
    request: EnqueueRequest,
    told?: readonly LoanTurn[],
  ): Promise<Admission & { ticket?: Ticket }> {
    return this.#desk.enqueue(request, told);
  }

  /** Takes the report of a Worker that lost its ticket. Idempotent. */
  settle(
    callId: string,
    result: CallResult,
    keepFor?: string,
    told?: readonly LoanTurn[],
  ): Promise<boolean> {
    return this.#desk.settle(callId, result, keepFor, told);
  }

  /** Takes the report of an attempt that failed before anything reached the client. */
  again(callId: string, result: CallResult): Promise<boolean> {
    return this.#desk.again(callId, result);
  }

  /** Renews the lease of a live caller. */
  renew(callId: string): Promise<void> {
    return this.#desk.renew(callId);
  }

  /** Ends a call whose client left. Idempotent. */
  cancel(callId: string, told?: readonly LoanTurn[]): Promise<void> {
    return this.#desk.cancel(callId, told);
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
    await this.#lent.callsKnown();
    const isKnown = this.#dispatcher?.register.runs.has(event.runId) ?? false;
    if (isKnown || opens) await this.#loop.step([event]);
    return isKnown;
  }

  /** Applies what a client reports of its run, and charges it to its API key. */
  async reportRun(report: RunReport): Promise<RunReportAnswer> {
    await this.#lent.callsKnown();
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
  putConfig(configJson: string, by?: string): Promise<string> {
    return this.#steering.putConfig(configJson, by);
  }

  /** Undefined where the tenant is not configured. */
  addKey(key: KeyHash, by?: string): Promise<string | undefined> {
    return this.#steering.addKey(key, by);
  }

  removeKey(id: string, by?: string): Promise<string | undefined> {
    return this.#steering.removeKey(id, by);
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

  get #dispatcher(): Dispatcher | undefined {
    return this.#loop.dispatcher;
  }
}

/**
 * The Durable Object of one tenant: its methods, as Workers call them, each answered by the part that
 * knows. How the parts are put together is in tenant-parts.ts. The object makes no scheduling decision
 * (src/core does) and contains no SQL (tenant-store.ts does).
 *
 * Leases and the configuration are stored before they are acknowledged. What is learned is stored a
 * few seconds later at most (pending-batch.ts). Waiting callers exist in memory only.
 */
import { DurableObject } from 'cloudflare:workers';
import type { KeyHash } from '../../src/config/schema.ts';
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
import { runsView } from './runs-view.ts';
import { archiveHead, archivePage, importRuns } from './tenant-archive.ts';
import { type TenantParts, tenantParts } from './tenant-parts.ts';
import { VIEWS } from './tenant-view.ts';
import type { Ticket } from './ticket.ts';

export class TenantObject extends DurableObject<Env> implements TenantApi {
  readonly #parts: TenantParts;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#parts = tenantParts(ctx, env, (order, { ok, tookMs, ...details }) =>
      this.wakeAnswered(order, ok, tookMs, details),
    );
  }

  /** Asks for a slot; answers at once. A queued caller then waits at `ticket.granted()`. */
  enqueue(
    request: EnqueueRequest,
    told?: readonly LoanTurn[],
  ): Promise<Admission & { ticket?: Ticket }> {
    return this.#parts.desk.enqueue(request, told);
  }

  /** Takes the report of a Worker that lost its ticket. Idempotent. */
  settle(
    callId: string,
    result: CallResult,
    keepFor?: string,
    told?: readonly LoanTurn[],
  ): Promise<boolean> {
    return this.#parts.desk.settle(callId, result, keepFor, told);
  }

  /** Takes the report of an attempt that failed before anything reached the client. */
  again(callId: string, result: CallResult): Promise<boolean> {
    return this.#parts.desk.again(callId, result);
  }

  /** Renews the lease of a live caller. */
  renew(callId: string): Promise<void> {
    return this.#parts.desk.renew(callId);
  }

  /** Ends a call whose client left. Idempotent. */
  cancel(callId: string, told?: readonly LoanTurn[]): Promise<void> {
    return this.#parts.desk.cancel(callId, told);
  }

  /** Takes what an isolate tells of calls on borrowed slots; answers when it is to tell more. */
  loanTurn(turn: LoanTurn): Promise<LoanWord> {
    return this.#parts.lent.turn(turn);
  }

  /** Takes the text that a grant has asked for. What cannot be stored is dropped. */
  keepPrefix(text: PrefixText): Promise<void> {
    return this.#parts.prefixes.keep(text);
  }

  /** Whether an API key was revoked, for requests that need nothing else of this object. */
  async isRevoked(keyId: string, version: number, keyHash?: string): Promise<boolean> {
    const { settings } = this.#parts;
    await settings.adoptFromKv(version);
    return settings.isRevoked(keyId, version, keyHash);
  }

  /**
   * Charges requests that need no slot, such as orders of jobs, to an API key. Also answers whether
   * the key was revoked, so that such a request asks this object once.
   */
  chargeRequests(
    keyId: string,
    count: number,
    version: number,
    keyHash?: string,
  ): Promise<RequestsCharged> {
    return this.#parts.keyRequests.chargeRequests({ keyId, keyHash, version }, count);
  }

  /**
   * Applies what a client reports of its run. Answers whether the run was known; an unknown run is
   * opened unless `opens` is false.
   */
  runEvent(event: RunEvent, version: number, opens = true): Promise<boolean> {
    return this.#parts.keyRequests.runEvent(event, version, opens);
  }

  /** Applies what a client reports of its run, and charges it to its API key. */
  reportRun(report: RunReport): Promise<RunReportAnswer> {
    return this.#parts.keyRequests.reportRun(report);
  }

  /** Chooses an endpoint for a request without a slot; answers at once, and wakes nothing. */
  beginSideCall(request: SideCallRequest): Promise<SideCallAnswer> {
    return this.#parts.keyRequests.beginSideCall(request);
  }

  /**
   * Stores a checked configuration and answers the document; one without keys keeps the present
   * ones. Documents pass as JSON text, here and below, since RPC has no type for "any JSON".
   */
  putConfig(configJson: string, by?: string): Promise<string> {
    return this.#parts.steering.putConfig(configJson, by);
  }

  /** Undefined where the tenant is not configured. */
  addKey(key: KeyHash, by?: string): Promise<string | undefined> {
    return this.#parts.steering.addKey(key, by);
  }

  removeKey(id: string, by?: string): Promise<string | undefined> {
    return this.#parts.steering.removeKey(id, by);
  }

  /** Carries out a change by the administrator, and writes down who made it. */
  steer(order: SteerOrder, by: string): Promise<SteerAnswer> {
    return this.#parts.steering.steer(order, by);
  }

  /** The tenant's document as it was stored; undefined where there is none. */
  async document(): Promise<string | undefined> {
    const document = this.#parts.store.document();
    return document && JSON.stringify(document);
  }

  /** What the console shows of a tenant's learning, settings and changes. `key`: the API key that asks. */
  async steeringView(question: SteeringQuestion, key?: ConsoleKey): Promise<SteeringReply> {
    await this.#parts.lent.callsKnown();
    return this.#parts.steering.view(question, key);
  }

  /** Deletes the tenant and all that was learned of it; waiting calls are refused. */
  async destroy(by?: string): Promise<void> {
    const { steering, loop, settings, metrics, accounting, looking } = this.#parts;
    steering.record('tenant-deleted', '', by);
    await loop.shutDown(settings.config);
    await metrics.forget();
    accounting.clear();
    looking.stream.deleted();
    await settings.clear();
    loop.alarmDeleted();
  }

  /**
   * The cron's request: wakes what the forecast wants warm before the cron asks again. Answers the
   * number of wakes and when the next forecast is due.
   */
  async forecast(): Promise<ForecastAnswer> {
    const { loop, forecasts } = this.#parts;
    await loop.whenRead();
    const effects = await loop.step([{ type: 'forecast', aheadMs: FORECAST_PERIOD_MS }]);
    const pinged = effects.filter((e) => e.type === 'wake' && !e.dryRun).length;
    return { pinged, ...forecasts.next(loop.dispatcher, Date.now()) };
  }

  /** A view for the admin API, as text; undefined where the tenant is not configured. */
  async view(name: ViewName, app?: string): Promise<string | undefined> {
    const { loop, store, keyRequests } = this.#parts;
    await loop.whenRead();
    const dispatcher = await this.#allWritten();
    const { sideCalls } = keyRequests;
    return dispatcher && VIEWS[name]({ dispatcher, store, sideCalls, app, now: Date.now() });
  }

  /** The metrics of the moment, as JSON text; undefined where the tenant is not configured. */
  async figures(): Promise<string | undefined> {
    await this.#parts.lent.callsKnown();
    return this.#parts.metrics.text();
  }

  /** Finished runs as JSON Lines; undefined where the tenant is not configured. */
  async runs(app?: string): Promise<ReadableStream | undefined> {
    return (await this.#allWritten()) && runsView(this.#parts.store.recorded, app);
  }

  /** The head of an export; undefined where the tenant is not configured. */
  async archive(): Promise<ArchiveHead | undefined> {
    await this.#allWritten();
    return archiveHead(this.#parts.store);
  }

  /** The page of an export that follows the run with the sequence number `after`. */
  async archivePage(head: ArchiveHead, after: number): Promise<ArchivePage> {
    return archivePage(this.#parts.store, head, after);
  }

  /**
   * Imports runs that were recorded elsewhere, as JSON text; their times count from `startMs`
   * (epoch ms). Undefined where the tenant is not configured.
   */
  async importRuns(runs: string, startMs: number, by?: string): Promise<ImportCount | undefined> {
    const { loop, steering, store } = this.#parts;
    await loop.whenRead();
    const { dispatcher } = loop;
    if (!dispatcher) return undefined;
    if (by !== undefined) steering.record('runs-imported', '', by);
    loop.flush();
    return importRuns(store, dispatcher, JSON.parse(runs), startMs);
  }

  /**
   * The log entry of a call as JSON text, by its id or its request's; undefined if unknown. `keyId`:
   * the key that asks, whose own request ids come first.
   */
  async story(id: string, keyId?: string): Promise<string | undefined> {
    await this.#parts.lent.callsKnown();
    return this.#parts.accounting.log.entryJson(id, keyId);
  }

  /** Answers the console; `key`: the API key that asks, absent for the administrator. */
  async look(question: ConsoleQuestion, key?: ConsoleKey): Promise<ConsoleReply> {
    await this.#parts.lent.callsKnown();
    return this.#parts.looking.answer(question, key);
  }

  /** Opens the stream of a page of the console; only a Worker can send this. */
  override fetch(request: Request): Promise<Response> {
    return this.#parts.looking.open(request);
  }

  override webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): void {
    this.#parts.looking.stream.message(socket, data);
  }

  override webSocketClose(socket: WebSocket): void {
    this.#parts.looking.stream.closed(socket);
  }

  override webSocketError(socket: WebSocket): void {
    this.#parts.looking.stream.closed(socket);
  }

  override alarm(): Promise<void> {
    return this.#parts.loop.onAlarm();
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
    await this.#parts.loop.step([
      { type: 'wake-answered', backend, endpoint, ok, tookMs, ...named, ...details },
    ]);
  }

  /**
   * Recalls loans, so that every call on their slots is known, and writes what was learned. Answers the
   * dispatcher; undefined where the tenant is not configured.
   */
  async #allWritten(): Promise<Dispatcher | undefined> {
    const { lent, loop } = this.#parts;
    await lent.callsKnown();
    loop.flush();
    return loop.dispatcher;
  }
}

/**
 * The requests of an API key that are no calls: reports on runs, and requests that need no slot. In
 * one round trip each it checks the key, charges the key's limits and keeps the bounds.
 */
import { addressOf } from '../../src/config/endpoint-address.ts';
import { mayName, refusedApplication, runIdFor } from '../../src/config/permissions.ts';
import type { TenantConfig } from '../../src/config/schema.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type {
  PlainRefusal,
  RequestsCharged,
  RunEvent,
  RunReport,
  RunReportAnswer,
  SideCallAnswer,
  SideCallRequest,
} from '../../src/protocol/key-requests.ts';
import type { CallAccounting } from './call-accounting.ts';
import type { DispatchLoop } from './dispatch-loop.ts';
import type { LentSlots } from './lent-slots.ts';
import { SideCalls } from './side-calls.ts';
import { SideTicket } from './side-ticket.ts';
import type { TenantMetrics } from './tenant-metrics.ts';
import type { TenantSettings } from './tenant-settings.ts';

/** Time for which a place is kept beyond the longest that its request may take, ms. */
const PLACE_MARGIN_MS = 30_000;
/** Time after which to ask again for one more open run, ms. */
const OPEN_RUNS_RETRY_MS = 5_000;

export interface KeyRequestsContext {
  readonly settings: TenantSettings;
  readonly accounting: CallAccounting;
  readonly loop: DispatchLoop;
  readonly lent: LentSlots;
  /** Counts what is refused. */
  readonly metrics: TenantMetrics;
  /** Keeps the object in memory until a promise has settled. */
  waitUntil(promise: Promise<unknown>): void;
}

/** Who asks, and by which configuration. */
interface Asked {
  readonly keyId: string;
  readonly keyHash?: string | undefined;
  readonly version: number;
}

interface Present {
  readonly config: TenantConfig;
  readonly dispatcher: Dispatcher;
}

export class KeyRequests {
  readonly sideCalls = new SideCalls();
  readonly #context: KeyRequestsContext;

  constructor(context: KeyRequestsContext) {
    this.#context = context;
  }

  /** Charges requests that need no slot, such as orders of jobs, where the key was not revoked. */
  async chargeRequests(asked: Asked, count: number): Promise<RequestsCharged> {
    const { settings, accounting, metrics } = this.#context;
    const { keyId, keyHash, version } = asked;
    await settings.adoptFromKv(version);
    if (settings.isRevoked(keyId, version, keyHash)) {
      metrics.refused(keyId, 'key_revoked');
      return { ok: false, code: 'key_revoked' };
    }
    const charged = accounting.chargeRequests(keyId, count, Date.now());
    if (charged.ok) return charged;
    metrics.refused(keyId, 'rate_limit_exceeded');
    return { ...charged, code: 'rate_limit_exceeded' };
  }

  /** Applies what a client reports of its run; answers whether the run was known. */
  async runEvent(event: RunEvent, version: number, opens: boolean): Promise<boolean> {
    const { settings, lent, loop } = this.#context;
    await settings.adoptFromKv(version);
    await lent.callsKnown();
    const isKnown = loop.dispatcher?.register.runs.has(event.runId) ?? false;
    if (isKnown || opens) await loop.step([event]);
    return isKnown;
  }

  /** The same, charged to its API key. */
  async reportRun(report: RunReport): Promise<RunReportAnswer> {
    await this.#context.lent.callsKnown();
    return this.#counted(report.keyId, await this.#report(report));
  }

  /** Chooses an endpoint for a request without a slot. */
  async beginSideCall(request: SideCallRequest): Promise<SideCallAnswer> {
    return this.#counted(request.keyId, await this.#begin(request));
  }

  async #report({ event: reported, opens, ...asked }: RunReport): Promise<RunReportAnswer> {
    const present = await this.#present(asked);
    if ('status' in present) return present;
    const { config, dispatcher } = present;
    const { keyId } = asked;
    const { register } = dispatcher;
    const event = { ...reported, runId: runIdFor(config, keyId, reported.runId) };
    const { type, runId } = event;
    // Of a session that another began the end is not the run's.
    const run = type === 'run-finished' ? register.runs.get(runId) : register.named(runId);
    const app = run?.app ?? (type === 'unit-began' && opens ? event.app : undefined);
    const isOwn = run?.keyId === keyId;
    if (app !== undefined && !isOwn && !mayName(config, keyId, app)) {
      return refused('permission_denied', refusedApplication(config, keyId, app));
    }
    const limited = this.#charge(keyId);
    if (limited) return limited;
    if (!run && !opens) return { status: 'accepted', isKnown: false };
    if (type !== 'unit-began') {
      await this.#context.loop.step([event]);
      return { status: 'accepted', isKnown: run !== undefined };
    }
    if (!register.hasRoom(run, keyId)) {
      const { openRuns } = config.limits;
      const detail = `${openRuns} runs of this key are open and have calls; it may have no more.`;
      return refused('open_runs_exceeded', detail, OPEN_RUNS_RETRY_MS);
    }
    await this.#context.loop.step([{ ...event, keyId }]);
    return { status: 'accepted', isKnown: true };
  }

  async #begin(request: SideCallRequest): Promise<SideCallAnswer> {
    const present = await this.#present(request);
    if ('status' in present) return present;
    const { config, dispatcher } = present;
    const { keyId } = request;
    const backend = dispatcher.backends.get(request.backend);
    const configured = Object.hasOwn(config.backends, request.backend)
      ? config.backends[request.backend]
      : undefined;
    if (!backend || backend.removed || !configured) {
      return refused('backend_not_found', `There is no backend "${request.backend}".`);
    }
    const bounds = { ofKey: config.limits.sideCalls, atEndpoint: configured.sideCalls };
    const now = Date.now();
    const chosen = this.sideCalls.choose(keyId, backend, bounds, now);
    if ('status' in chosen) return chosen;
    const { endpoint } = chosen;
    const address = addressOf(config, backend.name, endpoint.spec.id);
    if (!address) return refused('backend_not_found', 'The endpoint is no longer configured.');
    const limited = this.#charge(keyId);
    if (limited) return limited;
    const longestMs = address.timeouts.firstByteMs + PLACE_MARGIN_MS;
    const end = this.sideCalls.begin(keyId, backend, endpoint, longestMs, now);
    // Its platform counts the request as use, when it begins and when it ends.
    const event = { type: 'side-call', backend: backend.name, endpoint: endpoint.spec.id } as const;
    const { loop, accounting } = this.#context;
    // Read before the request itself counts as use.
    const startMs = endpoint.evidence.mayBeCold(now, keyId)
      ? { startMs: endpoint.coldStartMs }
      : {};
    await loop.step([event]);
    const ticket = new SideTicket((ended) => {
      if (!end(ended, Date.now())) return;
      const found = ended?.foundCold ? { foundCold: { sentAt: now, key: keyId } } : {};
      this.#context.waitUntil(loop.step([{ ...event, ...found }]));
    });
    const gauges = accounting.gauges(keyId, now);
    return { status: 'granted', endpoint: event.endpoint, address, gauges, ticket, ...startMs };
  }

  #counted<T extends RunReportAnswer | SideCallAnswer>(keyId: string, answer: T): T {
    if (answer.status === 'refused') this.#context.metrics.refused(keyId, answer.code);
    return answer;
  }

  /** The configuration in force and its dispatcher, for a key that is not revoked. */
  async #present({ keyId, keyHash, version }: Asked): Promise<Present | PlainRefusal> {
    const { settings, loop } = this.#context;
    await settings.adoptFromKv(version);
    const { dispatcher } = loop;
    const { config } = settings;
    if (!config || !dispatcher) return refused('tenant_misconfigured', undefined, 1_000);
    if (settings.isRevoked(keyId, version, keyHash)) return refused('invalid_api_key');
    return { config, dispatcher };
  }

  /** Charges one request; the refusal where the key has none left. */
  #charge(keyId: string): PlainRefusal | undefined {
    const { accounting } = this.#context;
    const now = Date.now();
    const charged = accounting.chargeRequests(keyId, 1, now);
    if (charged.ok) return undefined;
    const { limit, retryAfterMs } = charged;
    const detail = `This key has ${limit} requests a minute, and too few are left for now.`;
    const refusal = refused('rate_limit_exceeded', detail, retryAfterMs);
    return { ...refusal, gauges: accounting.gauges(keyId, now) };
  }
}

function refused(code: PlainRefusal['code'], detail?: string, retryAfterMs?: number): PlainRefusal {
  return {
    status: 'refused',
    code,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(detail === undefined ? {} : { detail }),
  };
}

/**
 * One call to one backend: ask for a slot, wait, forward, relay, report; where an attempt comes to nothing
 * before the client has had a byte, another one.
 */
import type { Context } from 'hono';
import type { AppEnv } from '../auth/app-env.ts';
import { targetOf } from '../auth/endpoint-target.ts';
import { ownCaller } from '../auth/own-caller.ts';
import { forgetTenant, type LoadedTenant } from '../config/store.ts';
import { adapterOf } from '../endpoints/registry.ts';
import { type ApiError, errorResponse } from '../http/errors.ts';
import { upstreamHeaders } from '../http/headers.ts';
import { tenantStub } from '../objects/ask-object.ts';
import type { CallFacts, Grant, RefusedCode } from '../protocol/tenant.ts';
import { Admission, type Admitted, type Slot } from './admission.ts';
import { explainHeaders, serverTiming } from './answer-headers.ts';
import type { CallPlan } from './call-plan.ts';
import { callRequestOf, ownFacts } from './call-request.ts';
import { type FailedAttempt, Forwarder } from './forward.ts';
import type { QueuedStream } from './queued-stream.ts';

/** The answer to a call; of one that came to nothing, whether another backend may try it. */
export interface DispatchResult {
  readonly response: Response;
  readonly failed?: ApiError;
  /** It came to nothing at an endpoint, and counts for its key. */
  readonly isCharged?: boolean;
}

/** What a request has behind it when another backend is to try it. */
export interface PriorAttempts {
  /** When it came, epoch ms. */
  readonly arrivedAt: number;
  readonly isCharged: boolean;
  /** At endpoints of other backends. */
  readonly attempts: number;
}

export class BackendCall {
  readonly #c: Context<AppEnv>;
  readonly #plan: CallPlan;
  readonly #prior: PriorAttempts;
  readonly #waiting: QueuedStream | undefined;
  readonly #loaded: LoadedTenant;
  // Never the client's own request id: two calls that shared it would share one slot.
  readonly #callId = crypto.randomUUID();
  // A Worker whose client has left stops without a word. Registered before the first await, this
  // promise keeps it alive until the slot is given back.
  readonly #over = Promise.withResolvers<void>();
  #forwarder: Forwarder | undefined;
  #attempts = 0;

  constructor(
    c: Context<AppEnv>,
    plan: CallPlan,
    before: PriorAttempts,
    waiting: QueuedStream | undefined,
  ) {
    this.#c = c;
    this.#plan = plan;
    this.#prior = before;
    this.#waiting = waiting;
    this.#loaded = c.get('tenant');
    c.executionCtx.waitUntil(this.#over.promise);
  }

  /** Made so far at this backend's endpoints. */
  get attempts(): number {
    return this.#attempts;
  }

  async run(): Promise<DispatchResult> {
    const c = this.#c;
    const plan = this.#plan;
    const { arrivedAt, isCharged } = this.#prior;
    const now = Date.now();
    const admission = new Admission(() => tenantStub(c.env, this.#loaded.tenant), {
      call: {
        ...(await callRequestOf(plan, this.#callId, now, now - arrivedAt)),
        // A job is nobody's to wait for: it is patient, and goes behind.
        ...(ownCaller(c.req.raw) ? { patient: true, weight: this.#loaded.config.jobs.weight } : {}),
      },
      keyId: c.get('keyId'),
      keyHash: c.get('keyHash'),
      version: this.#loaded.version,
      ...(isCharged ? { isCharged } : {}),
      requestId: c.get('requestId'),
      why: plan.identity.why,
    });
    const leave = () => {
      const left = this.#forwarder ? this.#forwarder.clientLeft() : admission.abandon();
      left.then(this.#over.resolve, this.#over.resolve);
    };
    const client = this.#client;
    if (client.aborted) leave();
    else client.addEventListener('abort', leave);
    this.#waiting?.follow(admission);
    try {
      return await this.#attemptUntilDone(admission);
    } catch (error) {
      // A bug of ours must not keep the slot.
      await admission.abandon();
      this.#over.resolve();
      throw error;
    }
  }

  /** Attempts until one comes to something, or there is no further one. */
  async #attemptUntilDone(admission: Admission): Promise<DispatchResult> {
    const plan = this.#plan;
    const client = this.#client;
    let admitted = await admission.admit();
    for (;;) {
      if (admitted.status !== 'granted') return this.#refused(admitted);
      this.#waiting?.granted(admitted.slot.grant.endpointState);
      const outcome = await this.#attempt(admitted.slot, admission);
      if ('response' in outcome) return outcome;
      // From here on a client that leaves gives up its place in the line.
      this.#forwarder = undefined;
      this.#waiting?.granted(undefined);
      const next = plan.upload
        ? await admitted.slot.report(outcome.result)
        : await admission.retry(outcome.result);
      if (client.aborted) await admission.abandon();
      if (!next) {
        this.#over.resolve();
        const { error } = outcome;
        // It was tried again already: the client's own retries would multiply with ours.
        const own = this.#attempts > 1 ? { 'x-should-retry': 'false' } : {};
        const added = { ...this.#headers({ grant: admitted.slot.grant }), ...own };
        return { response: errorResponse(error, added), failed: error, isCharged: true };
      }
      admitted = next;
    }
  }

  /** Aborted when the client has left. */
  get #client(): AbortSignal {
    return this.#waiting?.signal ?? this.#c.req.raw.signal;
  }

  async #attempt(slot: Slot, admission: Admission): Promise<DispatchResult | FailedAttempt> {
    const c = this.#c;
    const plan = this.#plan;
    const { address } = slot.grant;
    const added = this.#headers({ grant: slot.grant });
    const found = await targetOf(address, { ...c.env }, this.#loaded.tenant);
    // It left in between and gave up the slot; nobody reads this answer.
    if (this.#client.aborted) return { response: errorResponse({ code: 'upstream_error' }, added) };
    if (!found.ok) {
      await admission.abandon();
      this.#over.resolve();
      console.error(JSON.stringify({ event: 'secret_missing', secret: found.missingSecret }));
      const message = 'A secret that the endpoint needs is not set.';
      return { response: errorResponse({ code: 'tenant_misconfigured', message }, added) };
    }
    const { url, auth, key } = found.target;
    const adapter = adapterOf(address.kind);
    const { body, stripUsage } = plan.body(address, slot.grant.rankMs);
    this.#forwarder = new Forwarder({
      slot: { ...slot, report: (r) => slot.report(r).finally(this.#over.resolve) },
      request: (signal) => {
        const headers = upstreamHeaders(c.req.raw.headers, { ...adapter.callHeaders, ...auth });
        if (address.loadMetrics) headers.set('endpoint-load-metrics-format', 'JSON');
        const { method } = plan;
        const to = `${url.replace(/\/+$/, '')}${plan.path}`;
        return new Request(to, { method, headers, body, signal, redirect: 'manual' });
      },
      format: plan.format,
      choices: plan.choices,
      upload: plan.upload,
      stripUsage,
      timeouts: address.timeouts,
      key,
      classify: (status, text) => adapter.classify(status, text, address.model === undefined),
      added,
    });
    this.#attempts += 1;
    const sentAt = Date.now();
    const answer = await this.#forwarder.forward();
    if (!(answer instanceof Response)) return answer;
    answer.headers.set('server-timing', serverTiming(slot.grant, Date.now() - sentAt));
    return { response: answer };
  }

  #refused(admitted: Exclude<Admitted, { status: 'granted' }>): DispatchResult {
    this.#over.resolve();
    const { retryAfterMs } = admitted;
    const facts = admitted.status === 'refused' ? admitted.facts : undefined;
    const headers = this.#headers({ facts });
    const error: ApiError =
      admitted.status === 'refused'
        ? refusalOf(admitted, this.#loaded, this.#plan)
        : { code: 'dispatcher_unavailable', retryAfterMs };
    return { response: errorResponse(error, headers), failed: error };
  }

  /** What the answer says of itself; of a refused call what is known. */
  #headers(known: { facts?: CallFacts | undefined; grant?: Grant }): Record<string, string> {
    const { grant } = known;
    const own = known.facts ?? grant?.facts ?? ownFacts(this.#plan);
    const facts = { ...own, attempts: this.#prior.attempts + own.attempts };
    return explainHeaders({
      requestId: this.#c.get('requestId'),
      callId: this.#callId,
      backend: this.#plan.backend,
      facts,
      ...(grant ? { grant } : {}),
    });
  }
}

function refusalOf(
  { code, retryAfterMs }: { code: RefusedCode; retryAfterMs: number },
  loaded: LoadedTenant,
  plan: CallPlan,
): ApiError {
  switch (code) {
    case 'key_revoked':
      return { code: 'invalid_api_key' };
    case 'tenant_unconfigured':
      return { code: 'tenant_misconfigured', retryAfterMs: 1_000 };
    case 'backend_removed': {
      forgetTenant(loaded.tenant);
      const message = `Backend "${plan.backend}" is no longer configured.`;
      return { code: 'backend_not_found', message };
    }
    case 'deadline_unmeetable':
      return { code };
    default:
      return { code, retryAfterMs };
  }
}

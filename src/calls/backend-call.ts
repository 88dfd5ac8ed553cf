/**
 * Makes one call at one backend: asks for a slot, waits, forwards the call, relays the answer and
 * reports the result. An attempt that fails before the client has received a byte is followed by
 * another one where a retry is allowed. The exchange with the endpoint is in `forward.ts`, the
 * fallback to another backend in `dispatch-call.ts`.
 */
import type { Context } from 'hono';
import type { AppEnv } from '../auth/app-env.ts';
import { secretsIn, targetOf } from '../auth/endpoint-target.ts';
import { ownCaller } from '../auth/own-caller.ts';
import type { LoadedTenant } from '../config/store.ts';
import { type ApiError, errorResponse } from '../http/errors.ts';
import { given } from '../http/given.ts';
import { onAbort } from '../http/on-abort.ts';
import { tenantStub } from '../objects/ask-object.ts';
import type { CallFacts, EnqueueRequest, Grant } from '../protocol/admission.ts';
import { TOO_NEW } from '../protocol/database-too-new.ts';
import { logError } from '../protocol/log-line.ts';
import type { PrefixText } from '../protocol/orders.ts';
import { Admission, type Admitted, type Slot } from './admission.ts';
import { explainHeaders, serverTiming } from './answer-headers.ts';
import type { CallPlan } from './call-plan.ts';
import { callRequestOf, ownFacts } from './call-request.ts';
import { ownerOf } from './client-body.ts';
import type { EarlyAnswer } from './early-answer.ts';
import { Forwarder } from './forward.ts';
import type { FailedAttempt } from './forward-options.ts';
import { forwardedAs } from './forwarded-as.ts';
import { lentSlots } from './lent-slots.ts';
import { refusalOf } from './refusal-error.ts';
import { rememberRefused } from './refused-keys.ts';

/** The response to a call. `failed` is set where another backend may be tried instead. */
export interface DispatchResult {
  readonly response: Response;
  readonly failed?: ApiError;
  /** The call failed at an endpoint, so it counts against its API key's rate limits. */
  readonly isCharged?: boolean;
}

/** What happened to the request at the backends that were tried before this one. */
export interface PriorAttempts {
  /** When the request arrived, epoch ms. */
  readonly arrivedAt: number;
  readonly isCharged: boolean;
  /** Attempts at endpoints of other backends. */
  readonly attempts: number;
}

export class BackendCall {
  readonly #c: Context<AppEnv>;
  readonly #plan: CallPlan;
  readonly #prior: PriorAttempts;
  readonly #early: EarlyAnswer | undefined;
  readonly #loaded: LoadedTenant;
  // Never the client's own request id: two calls that shared it would share one slot.
  readonly #callId = crypto.randomUUID();
  // The runtime stops a Worker whose client has left, without notice. This promise is registered
  // before the first await and keeps the Worker alive until the slot is released.
  readonly #finished = Promise.withResolvers<void>();
  #forwarder: Forwarder | undefined;
  #attempts = 0;

  constructor(
    c: Context<AppEnv>,
    plan: CallPlan,
    prior: PriorAttempts,
    early: EarlyAnswer | undefined,
  ) {
    this.#c = c;
    this.#plan = plan;
    this.#prior = prior;
    this.#early = early;
    this.#loaded = c.get('tenant');
    c.executionCtx.waitUntil(this.#finished.promise);
  }

  /** Attempts made so far at this backend's endpoints. */
  get attempts(): number {
    return this.#attempts;
  }

  async run(): Promise<DispatchResult> {
    const c = this.#c;
    const plan = this.#plan;
    const { arrivedAt, isCharged } = this.#prior;
    const now = Date.now();
    const request: EnqueueRequest = {
      call: {
        ...(await callRequestOf(plan, this.#callId, now, now - arrivedAt)),
        // No client holds a connection for a job: its call may wait longer, and is ranked behind.
        ...(ownCaller(c.req.raw) ? { patient: true, weight: this.#loaded.config.jobs.weight } : {}),
      },
      keyId: c.get('keyId'),
      keyHash: c.get('keyHash'),
      version: this.#loaded.version,
      requestId: c.get('requestId'),
      why: plan.identity.why,
      ...(isCharged ? { isCharged } : {}),
      ...given({ choices: plan.generated }),
      ...(plan.identity.ownApp ? { ownApp: true } : {}),
    };
    const { tenant, config } = this.#loaded;
    const admission = new Admission(() => tenantStub(c.env, tenant), request, {
      slots: lentSlots(tenant, plan.backend),
      config,
      waitUntil: (promise) => c.executionCtx.waitUntil(promise),
    });
    const onClientLeft = () => {
      const released = this.#forwarder ? this.#forwarder.clientLeft() : admission.abandon();
      released.then(this.#finished.resolve, this.#finished.resolve);
    };
    onAbort(this.#client, onClientLeft, this.#finished.promise);
    this.#early?.follow(admission);
    try {
      return await this.#attemptUntilDone(admission);
    } catch (error) {
      // A bug in Talaria must not keep the slot.
      await admission.abandon();
      this.#finished.resolve();
      throw error;
    }
  }

  /** Makes attempts until one yields a response, or no further one is allowed. */
  async #attemptUntilDone(admission: Admission): Promise<DispatchResult> {
    const plan = this.#plan;
    const client = this.#client;
    let admitted = await admission.admit();
    for (;;) {
      if (admitted.status !== 'granted') return this.#refused(admitted);
      this.#early?.granted(admitted.slot.grant.endpointState);
      const outcome = await this.#attempt(admitted.slot, admission);
      if ('response' in outcome) return outcome;
      // From here on, a client that leaves gives up its place in the queue.
      this.#forwarder = undefined;
      this.#early?.granted(undefined);
      const next = plan.upload
        ? await admitted.slot.report(outcome.result)
        : await admission.retry(outcome.result);
      if (client.aborted) await admission.abandon();
      if (!next) {
        this.#finished.resolve();
        const { error, answer } = outcome;
        if (answer) return { response: answer };
        // Talaria has retried already: the client's own retries would multiply with these.
        const retryHeader = this.#attempts > 1 ? { 'x-should-retry': 'false' } : {};
        const added = { ...this.#headers({ grant: admitted.slot.grant }), ...retryHeader };
        return { response: errorResponse(error, added), failed: error, isCharged: true };
      }
      admitted = next;
    }
  }

  /** Aborted when the client has left. */
  get #client(): AbortSignal {
    return this.#early?.signal ?? this.#c.req.raw.signal;
  }

  async #attempt(slot: Slot, admission: Admission): Promise<DispatchResult | FailedAttempt> {
    const c = this.#c;
    const plan = this.#plan;
    const { address } = slot.grant;
    const added = this.#headers({ grant: slot.grant });
    const resolved = await targetOf(address, secretsIn(c.env), this.#loaded.tenant);
    // The client left in the meantime and released the slot; nobody reads this answer.
    if (this.#client.aborted) return { response: errorResponse({ code: 'upstream_error' }, added) };
    if (!resolved.ok) {
      await admission.abandon();
      this.#finished.resolve();
      logError('secret_missing', { secret: resolved.missingSecret });
      const message = 'A secret that the endpoint needs is not set.';
      return { response: errorResponse({ code: 'tenant_misconfigured', message }, added) };
    }
    this.#forwarder = new Forwarder({
      ...forwardedAs(plan, slot.grant, c.get('headers'), resolved.target),
      slot,
      onOver: this.#finished.resolve,
      added,
    });
    this.#attempts += 1;
    const sentAt = Date.now();
    const answered = this.#forwarder.forward();
    // While the endpoint is at work: the body is not held for longer than the call needs it.
    const { keepPrefix } = slot.grant;
    const text = keepPrefix === undefined ? undefined : plan.prefixText?.(keepPrefix, plan.backend);
    const answer = await answered;
    if (!(answer instanceof Response)) return answer;
    if (text && answer.ok) c.executionCtx.waitUntil(this.#keep(text));
    answer.headers.set('server-timing', serverTiming(slot.grant, Date.now() - sentAt));
    return { response: answer };
  }

  /** Hands on the beginning of the prompt, which may be read ahead of later calls. */
  async #keep(text: PrefixText): Promise<void> {
    try {
      await tenantStub(this.#c.env, this.#loaded.tenant).keepPrefix(text);
    } catch (error) {
      console.warn(JSON.stringify({ event: 'prefix_not_kept', error: String(error) }));
    }
  }

  #refused(admitted: Exclude<Admitted, { status: 'granted' }>): DispatchResult {
    this.#finished.resolve();
    const facts = admitted.status === 'refused' ? admitted.facts : undefined;
    if (admitted.status === 'refused' && admitted.code === 'rate_limit_exceeded') {
      rememberRefused(ownerOf(this.#c), admitted.retryAfterMs);
    }
    const headers = this.#headers({ facts });
    const error = this.#errorOf(admitted);
    return { response: errorResponse(error, headers), failed: error };
  }

  #errorOf(admitted: Exclude<Admitted, { status: 'granted' }>): ApiError {
    if (admitted.status === 'refused') return refusalOf(admitted, this.#c, this.#plan);
    const code = 'dispatcher_unavailable';
    if (admitted.status === 'too-new') return { code, message: TOO_NEW };
    return { code, retryAfterMs: admitted.retryAfterMs };
  }

  /** The headers that explain the call; for a refused call, as far as its facts are known. */
  #headers(source: { facts?: CallFacts | undefined; grant?: Grant }): Record<string, string> {
    const { grant } = source;
    const callFacts = source.facts ?? grant?.facts ?? ownFacts(this.#plan);
    const facts = { ...callFacts, attempts: this.#prior.attempts + callFacts.attempts };
    return explainHeaders({
      requestId: this.#c.get('requestId'),
      callId: this.#callId,
      backend: this.#plan.backend,
      facts,
      ...(grant ? { grant } : {}),
    });
  }
}

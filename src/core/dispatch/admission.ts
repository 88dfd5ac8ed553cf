/**
 * Which submitted calls are admitted: a call is refused before it joins a queue where its backend is
 * gone or down, where the queue is full, or where its API key or its run has too much open. A call that
 * is submitted again keeps its place, or its grant is told again.
 */
import type { Backend } from '../backends/backend.ts';
import { isFullFor, isFullForKey, startsAtOnce } from '../backends/queue-room.ts';
import type { CallRequest } from '../runs/call-request.ts';
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import type { RecentArrivals } from '../waits/recent-arrivals.ts';
import type { CallsInFlight } from './calls-in-flight.ts';
import type { Effect, Refused } from './dispatch-events.ts';
import { grantEffect } from './grant-effect.ts';
import type { OnLoan } from './loan-events.ts';
import type { RunRegister } from './run-register.ts';

/** The parts of the dispatcher that admission works with. */
export interface AdmissionContext {
  readonly backends: ReadonlyMap<string, Backend>;
  readonly calls: CallsInFlight;
  readonly register: RunRegister;
  /** Receives the runs that begin. */
  readonly arrivals: RecentArrivals;
}

/** Why a call is not admitted, and when it may be tried again. */
type Refusal = Pick<Refused, 'code' | 'retryAfterMs' | 'limit'>;

export class Admission {
  /** Calls of one run that may be open at a time. */
  runCalls = Infinity;
  readonly #context: AdmissionContext;

  constructor(context: AdmissionContext) {
    this.#context = context;
  }

  /** Admits a call, refuses it, or tells again what became of it. */
  submit(submitted: CallRequest, now: number, effects: Effect[]): void {
    const { backends, calls, register } = this.#context;
    const existing = calls.get(submitted.callId);
    if (existing && this.#isStillHere(existing, now, effects)) return;
    const backend = backends.get(submitted.backend);
    if (!backend || backend.removed) {
      effects.push(refused(submitted, { code: 'backend_removed', retryAfterMs: 0 }));
      return;
    }
    const request = withAdapter(submitted, backend);
    const byBackend = refusalByBackend(request, backend, now);
    if (byBackend) {
      effects.push(refused(request, byBackend));
      return;
    }
    const run = register.find(request);
    const byRun = this.#refusalByRun(request, backend, run);
    if (byRun) {
      effects.push(refused(request, byRun));
      return;
    }
    if (!run) this.#runBegins(request, now);
    calls.admit(request, backend, now);
  }

  /** Takes a call that has begun on a slot which was lent for it: whether it may is not asked any more. */
  began(request: CallRequest, onLoan: OnLoan, now: number): void {
    const { calls, register } = this.#context;
    if (calls.get(request.callId)) return;
    if (!register.find(request)) this.#runBegins(request, onLoan.at);
    calls.began(request, onLoan, now);
  }

  #runBegins({ app, unit }: CallRequest, at: number): void {
    this.#context.arrivals.add({ at, app, unit, visit: 1 });
  }

  /** True where a call that is submitted again waits, or was told once more of its grant. */
  #isStillHere(call: LiveCall, now: number, effects: Effect[]): boolean {
    const { backends, calls } = this.#context;
    if (!call.lease) return true;
    const { callId, backend } = call.request;
    const endpoint = backends.get(backend)?.endpoints.get(call.lease.endpoint);
    if (endpoint && endpoint.state !== 'draining') {
      // The caller lost the grant and asks again; it counts the lease from this repetition.
      calls.renew(callId, now);
      effects.push(grantEffect(call, call.lease, { repeated: true, rankMs: 0, coldMs: 0 }));
      return true;
    }
    // The call never reached its endpoint, which takes no calls any more: it is queued again.
    calls.cancel(callId, now);
    return false;
  }

  /** `run`: the run that the call goes on with; undefined where it begins one. */
  #refusalByRun(
    request: CallRequest,
    backend: Backend,
    run: LiveRun | undefined,
  ): Refusal | undefined {
    if (!this.#context.register.hasRoom(run, request.keyId)) {
      return { code: 'open_runs_exceeded', retryAfterMs: backend.speed.meanServiceMs };
    }
    if ((run?.outstanding ?? 0) < this.runCalls) return undefined;
    return { code: 'run_calls_exceeded', retryAfterMs: backend.speed.meanServiceMs };
  }
}

function refusalByBackend(
  request: CallRequest,
  backend: Backend,
  now: number,
): Refusal | undefined {
  if (backend.spec.failover && backend.choice.isDown(now, request.keyId)) {
    return { code: 'backend_down', retryAfterMs: 1_000 };
  }
  if (startsAtOnce(backend, request, now)) return undefined;
  if (isFullFor(backend, request)) {
    return { code: 'queue_full', retryAfterMs: backend.waits.lastMs(now) };
  }
  if (!isFullForKey(backend, request)) return undefined;
  return { code: 'queue_full', retryAfterMs: backend.waits.lastMs(now), limit: 'key' };
}

function refused({ callId, backend, app, keyId = '' }: CallRequest, refusal: Refusal): Effect {
  return { type: 'refused', callId, ...refusal, backend, app, keyId };
}

/** The request, with the adapter that its model is at the backend, if it is one. */
function withAdapter(request: CallRequest, { adapters }: Backend): CallRequest {
  const { model } = request;
  if (model === undefined || adapters.sourceOf(model) === undefined) return request;
  return { ...request, adapter: model };
}

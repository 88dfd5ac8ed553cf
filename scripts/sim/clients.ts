/**
 * The clients of a simulation: they submit the calls of the recorded runs, visit after visit, and
 * send a refused call again. Which call is served when is decided by the dispatcher.
 */
import type { DispatchEvent } from '../../src/core/dispatch/dispatch-events.ts';
import type { CallRecord, RecordedRun } from '../../src/core/runs/recorded-run.ts';
import type { PrefixCache } from '../gpu/prefix-cache.ts';
import { PromptNames } from '../gpu/prompt.ts';
import { serviceMs } from '../gpu/service-model.ts';
import type { Kind } from './event-heap.ts';
import { SessionChains } from './session-chains.ts';
import type { Cluster, SimBackend } from './sim-backend.ts';
import { cacheOf, type SimCall } from './sim-endpoint.ts';

/** Pause of a client before it sends a refused call again, ms; it doubles up to the longest. */
const PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;
/** Times that a client sends a call before it gives up its run. */
const MOST_TRIES = 1_000;

interface Running {
  readonly run: RecordedRun;
  visit: number;
  outstanding: number;
  remainingMs: number;
  completedMs: number;
  /** Its client gave it up. */
  failed: boolean;
}

/** A call that waits or runs. */
interface Sent {
  readonly running: Running;
  readonly call: SimCall;
  /** Times that the client has sent it. */
  readonly tries: number;
  /** The answer was the client's own error, after which it does not send the call again. */
  isRejected?: boolean;
}

/** What clients need of the simulation. */
export interface ClientWorld {
  now(): number;
  /** The dispatcher's clock, ms. */
  wallMs(): number;
  at(time: number, kind: Kind, act: () => void): void;
  tell(event: DispatchEvent): void;
  /** A visit begins: its calls need the backend. */
  needed(backend: string): void;
  /** A call joins the dispatcher's queue for the first time. */
  submitted(call: SimCall): void;
}

export class Clients {
  /** Runs that are not completed and not given up. */
  unfinished: number;
  /** When a call was last served, ms. */
  servedAt = 0;
  readonly #cluster: Cluster;
  readonly #world: ClientWorld;
  readonly #running = new Map<string, Running>();
  readonly #calls = new Map<string, Sent>();
  /** Service of each call where its run alone has the backend, and a cache without limit, ms. */
  readonly #aloneMs = new Map<CallRecord, number>();
  readonly #names = new PromptNames();
  readonly #chains = new SessionChains();
  #submitted = 0;

  constructor(trace: readonly RecordedRun[], cluster: Cluster, world: ClientWorld) {
    this.#cluster = cluster;
    this.#world = world;
    this.unfinished = trace.length;
    for (const run of trace) {
      this.#running.set(run.run, {
        run,
        visit: 0,
        outstanding: 0,
        remainingMs: this.#totalMs(run),
        completedMs: Number.NaN,
        failed: false,
      });
    }
  }

  /** Schedules the arrivals of all runs. */
  arrive(): void {
    for (const running of this.#running.values()) {
      this.#world.at(running.run.arrival_ms, 'arrival', () => this.#submitVisit(running));
    }
  }

  /** Service that is left of a run, ms. */
  remainingMs(runId: string): number {
    return this.#running.get(runId)?.remainingMs ?? 0;
  }

  /** NaN for a run that is not completed. */
  completedMs(runId: string): number {
    return this.#running.get(runId)?.completedMs ?? Number.NaN;
  }

  call(callId: string): SimCall | undefined {
    return this.#calls.get(callId)?.call;
  }

  get callIds(): Iterable<string> {
    return this.#calls.keys();
  }

  /** A call was served. */
  served(callId: string): void {
    const sent = this.#calls.get(callId);
    if (!sent) return;
    this.#calls.delete(callId);
    this.servedAt = this.#world.now();
    const { running, call } = sent;
    running.remainingMs -= this.#aloneMs.get(call.record) ?? 0;
    running.outstanding -= 1;
    if (running.outstanding === 0 && !running.failed) this.#leaveVisit(running);
  }

  /** An attempt failed; `isLast`: its client does not ask again where the dispatcher does not. */
  attemptFailed(callId: string, isLast: boolean): void {
    const sent = this.#calls.get(callId);
    if (sent) sent.isRejected = isLast;
  }

  /** The client gets an error: it sends the call again after a pause, as API clients do. */
  told(callId: string, retryAfterMs = 0): void {
    const sent = this.#calls.get(callId);
    if (!sent) return;
    this.#calls.delete(callId);
    const { running, tries, call } = sent;
    if (running.failed) return;
    if (sent.isRejected || tries >= MOST_TRIES) return this.#giveUp(running);
    const pauseMs = Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** (tries - 1));
    const at = this.#world.now() + Math.max(pauseMs, retryAfterMs);
    this.#world.at(at, 'arrival', () => this.#submit({ running, call, tries: tries + 1 }));
  }

  #giveUp(running: Running): void {
    running.failed = true;
    this.unfinished -= 1;
    this.#world.at(this.#world.now(), 'end', () =>
      this.#world.tell({ type: 'run-finished', runId: running.run.run }),
    );
  }

  #submitVisit(running: Running): void {
    const visit = running.run.units[running.visit];
    if (!visit) return;
    running.outstanding = visit.calls.length;
    this.#world.needed(visit.backend);
    const { backend } = visit;
    for (const record of visit.calls) {
      const submittedMs = this.#world.now();
      const call = { backend, record, submittedMs, notWarmMs: new Map<string, number>() };
      this.#world.submitted(call);
      this.#submit({ running, call, tries: 1 });
    }
  }

  #submit(sent: Sent): void {
    const { running, call } = sent;
    const { run } = running;
    if (running.failed) return;
    this.#submitted += 1;
    const callId = `c${this.#submitted}`;
    this.#calls.set(callId, sent);
    const arrivedAt = this.#world.wallMs();
    const skewMs = arrivedAt - this.#world.now();
    const prefix = this.#chains.chainOf(run.run, call.record);
    this.#world.tell({
      type: 'submitted',
      call: {
        callId,
        runId: run.run,
        app: run.app,
        unit: run.units[running.visit]?.unit ?? '',
        backend: call.backend,
        kind: 'service_ms' in call.record ? 'service' : 'llm',
        inputTokens: 'service_ms' in call.record ? 0 : call.record.input_tokens,
        ...(prefix ? { prefix } : {}),
        arrivedAt,
        final: running.visit === run.units.length - 1,
        ...(run.deadline_ms === undefined
          ? {}
          : { deadlineAt: run.arrival_ms + skewMs + run.deadline_ms }),
      },
    });
  }

  #leaveVisit(running: Running): void {
    const gapMs = running.run.units[running.visit]?.gap_ms ?? 0;
    running.visit += 1;
    if (running.visit === running.run.units.length) {
      this.#chains.forget(running.run.run);
      running.completedMs = this.#world.now();
      this.unfinished -= 1;
      return;
    }
    // Without a gap, the next visit is submitted together with the end of this one, before other
    // arrivals at this time.
    if (gapMs === 0) return this.#submitVisit(running);
    this.#world.at(this.#world.now() + gapMs, 'arrival', () => this.#submitVisit(running));
  }

  #totalMs(run: RecordedRun): number {
    let total = 0;
    const caches = new Map<string, PrefixCache>();
    for (const { backend, calls } of run.units) {
      const model = this.#backend(backend);
      const cache = caches.get(backend) ?? cacheOf(model, this.#names, Infinity);
      caches.set(backend, cache);
      for (const call of calls) {
        const tookMs = serviceMs(call, model, cache.hitTokens(call));
        cache.touch(call);
        this.#aloneMs.set(call, tookMs);
        total += tookMs;
      }
    }
    return total;
  }

  #backend(name: string): SimBackend {
    const backend = this.#cluster.get(name);
    if (!backend) throw new RangeError(`the cluster has no backend "${name}"`);
    return backend;
  }
}

/**
 * The wakes of one endpoint: which is the last, how it ends, and whether it has to be sent again after
 * a restart. A report names its wake; that of an earlier one proves the endpoint up, but teaches nothing
 * of the last. When an endpoint is woken is decided in prewarm/.
 */
import type { EndpointLearning } from './endpoint-learning.ts';
import type {
  EndpointSnapshot,
  EndpointSpec,
  EndpointState,
  PlatformError,
  Wake,
} from './endpoint-state.ts';
import type { EndpointTrust } from './endpoint-trust.ts';
import type { EndpointUse } from './endpoint-use.ts';
import type { ReleaseState } from './release-state.ts';
import type { WakeTimes, WokenFrom } from './start-watch.ts';

/** A wake whose outcome is booked, and whose requests go on. */
const SETTLED_WAKE = { cause: 'demand', reason: 'it is still waking', probability: 1 } as const;

/** The part of an endpoint that wakes read and change. */
export interface WokenEndpoint {
  readonly spec: EndpointSpec;
  readonly state: EndpointState;
  readonly coldBy: WokenFrom;
  readonly learning: EndpointLearning;
  readonly trust: EndpointTrust;
  readonly release: ReleaseState;
  wake: Wake | undefined;
  letGo: boolean;
  lastActiveAt: number;
  enter(state: EndpointState, now: number): void;
  becameCold(now: number, by: WokenFrom): void;
  provedWarm(now: number): void;
}

export class EndpointWakes {
  /** True where the platform refused a call that was sent there to be held while it starts. */
  refusesCalls = false;
  /** Why the last wake that failed did. */
  error: PlatformError | undefined;
  readonly #endpoint: WokenEndpoint;
  readonly #use: EndpointUse;
  /** When the last wake began, epoch ms, even if it is settled; valid only while warming. */
  #begunAt = -Infinity;
  /** The `at` of the last wake, by which a report names it, whatever the clock does. */
  #id: number | undefined;
  /** True where a wake was in progress when the object died: nobody waits for its answer. */
  #isInterrupted = false;

  constructor(endpoint: WokenEndpoint, use: EndpointUse) {
    this.#endpoint = endpoint;
    this.#use = use;
  }

  /** When the last wake began, epoch ms; valid only while the endpoint is warming. */
  get begunAt(): number {
    return this.#begunAt;
  }

  /** A wake begins: a ping, or a call that the platform holds until the endpoint is up. */
  begin(wake: Wake): void {
    const endpoint = this.#endpoint;
    const from = endpoint.state === 'warm' ? 'warm' : endpoint.coldBy;
    const isIdle = from === 'warm' || from === 'presumed';
    const { claim } = this.#use;
    const idleMs = isIdle ? this.#use.idleMs(wake.at) : claim?.idleMs;
    const unansweredMs = Math.max(0, wake.at - (claim?.unansweredAt ?? wake.at));
    const { patienceMs } = endpoint.learning;
    endpoint.learning.watch.begin({ from, idleMs, unansweredMs, at: wake.at, patienceMs });
    endpoint.release.overtaken();
    endpoint.letGo = false;
    if (endpoint.state === 'cold') endpoint.enter('warming', wake.at);
    endpoint.wake = wake;
    this.#id = wake.at;
    this.#begunAt = wake.at;
    endpoint.lastActiveAt = wake.at;
  }

  /** True where `wakeAt` is the `at` of the last wake; a report that names none is of the last. */
  isLast(wakeAt: number | undefined): boolean {
    return wakeAt === undefined || wakeAt === this.#id;
  }

  /** The last wake was answered; `times`: how it went, where that was measured. */
  answered(now: number, times: WakeTimes = {}): void {
    const { state, learning } = this.#endpoint;
    if (state === 'draining') return;
    if (times.tookMs === undefined) learning.watch.drop();
    else {
      // How long the start took, or that the endpoint was up.
      const { wasUp = false } = learning.answered(times, now);
      this.#use.settle(wasUp, now);
    }
    this.earlierAnswered(now);
  }

  /** An earlier wake was answered: that proves the endpoint up, but teaches nothing of the last. */
  earlierAnswered(now: number): void {
    if (this.#endpoint.state === 'draining') return;
    this.error = undefined;
    this.#endpoint.provedWarm(now);
    this.#endpoint.trust.succeeded();
  }

  /** The last wake was refused, broke off, or got no answer in time; `times`: how it went. */
  failed(now: number, reason = 'no answer in time', times: WakeTimes = {}): void {
    this.error = { at: now, reason };
    this.#endpoint.trust.failed(now, this.#begunAt);
    this.#endpoint.learning.gaveUp(times, now);
    this.#endpoint.becameCold(now, 'failed');
  }

  /**
   * The wake from before a restart that must be sent again, once. `isAsked`: requests of its own are
   * waited for, also where the wake is settled, since a call came meanwhile that found it cold.
   */
  takeInterrupted(now: number, isAsked: boolean): Wake | undefined {
    if (!this.#isInterrupted) return undefined;
    this.#isInterrupted = false;
    const endpoint = this.#endpoint;
    if (endpoint.state !== 'warming') return undefined;
    const settled = isAsked ? { ...SETTLED_WAKE, at: this.#id ?? this.#begunAt } : undefined;
    const wake = endpoint.wake ?? settled;
    if (!wake || (wake.cause === 'demand' && !isAsked)) return undefined;
    endpoint.learning.watch.sentAgain(now);
    return wake;
  }

  /** True where a wake was in progress: it goes on, but has to be sent again. */
  restore({ state, wake, start }: EndpointSnapshot): boolean {
    this.#id = wake?.at ?? start?.at;
    if (state !== 'warming' || !start) return false;
    this.#begunAt = start.at;
    this.#isInterrupted = true;
    return true;
  }

  /** Handles a clock that jumps back; a wake keeps its name. */
  clockWentBack(now: number): void {
    this.#begunAt = Math.min(this.#begunAt, now);
  }
}

/**
 * A platform on a virtual clock, as wakes see it: it begins to start at the first request that starts
 * it, and is up `startMs` later. What it answers until then is the test's to say.
 */
import type { EndpointTarget, PlatformRequest } from '../../../src/endpoints/adapter.ts';
import type { PlatformIo, Sent } from '../../../src/endpoints/platform-io.ts';

/** An answer; or `refused`, `hang` (for ever), or `hold` (until the platform is up). */
export type Reaction =
  | { readonly status: number; readonly body?: string; readonly afterMs?: number }
  | 'refused'
  | 'hang'
  | 'hold';

export interface VirtualPlatformOptions {
  /** Time from the first request that starts it; Infinity: it never does. */
  readonly startMs: number;
  /** What it answers until it is up; undefined: what it answers when it is up. */
  loading(request: PlatformRequest, sinceMs: number, count: number): Reaction | undefined;
  /** Requests that start it; any, where absent. */
  starts?(request: PlatformRequest): boolean;
  /** What it answers when it is up. */
  up?(request: PlatformRequest): { readonly status: number; readonly body?: string };
}

export const COMPLETION = '{"choices":[{"message":{"content":"."}}]}';

const START = 1_000_000;
/** Latency of an answer that names none, ms. */
const LATENCY_MS = 5;

export class VirtualPlatform implements PlatformIo {
  readonly seen: Array<{ readonly atMs: number; readonly path: string; readonly limitMs: number }> =
    [];
  /** Most requests that were out at a time. */
  mostAtOnce = 0;
  #clock = START;
  #upAt = Infinity;
  #out = 0;
  readonly #options: VirtualPlatformOptions;

  constructor(options: VirtualPlatformOptions) {
    this.#options = options;
  }

  /** Time since the platform began to exist, ms. */
  get elapsedMs(): number {
    return this.#clock - START;
  }

  get isUp(): boolean {
    return this.#clock >= this.#upAt;
  }

  now(): number {
    return this.#clock;
  }

  async wait(ms: number): Promise<void> {
    this.#clock += ms;
  }

  async send(request: PlatformRequest, _: EndpointTarget, limitMs: number): Promise<Sent> {
    this.#out += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#out);
    try {
      await Promise.resolve();
      return this.#answer(request, limitMs);
    } finally {
      this.#out -= 1;
    }
  }

  #answer(request: PlatformRequest, limitMs: number): Sent {
    const {
      startMs,
      loading,
      starts = () => true,
      up = () => ({ status: 200, body: COMPLETION }),
    } = this.#options;
    const path = `${request.method} ${new URL(request.url).pathname}`;
    this.seen.push({ atMs: this.elapsedMs, path, limitMs });
    if (this.#upAt === Infinity && starts(request)) this.#upAt = this.#clock + startMs;
    const sinceMs = Number.isFinite(startMs)
      ? this.#clock - (this.#upAt - startMs)
      : this.elapsedMs;
    const reaction = this.isUp ? undefined : loading(request, sinceMs, this.seen.length);
    if (reaction === 'refused') return this.#after(1, limitMs, { kind: 'unreachable' });
    if (reaction === 'hang') return this.#after(Infinity, limitMs, { kind: 'silent' });
    const isHeld = reaction === 'hold';
    const {
      status,
      body = '',
      afterMs = LATENCY_MS,
    } = reaction === undefined || isHeld
      ? { ...up(request), afterMs: isHeld ? this.#upAt - this.#clock + LATENCY_MS : LATENCY_MS }
      : reaction;
    const answer = { status, body, isWhole: true };
    return this.#after(afterMs, limitMs, { kind: 'answered', answer });
  }

  #after(ms: number, limitMs: number, sent: Sent): Sent {
    this.#clock += Math.min(ms, limitMs);
    return ms <= limitMs ? sent : { kind: 'silent' };
  }
}

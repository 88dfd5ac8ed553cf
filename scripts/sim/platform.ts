/**
 * A platform that hosts one endpoint, as it really is: when it starts, answers, refuses and goes
 * cold, whatever the configuration says of it. Pure: its state is computed when it is asked, in
 * ascending times. What a dispatcher makes of its answers is in platform-endpoint.ts.
 */

/**
 * What a request gets while the platform loads: it is held until the endpoint is warm, hangs for
 * ever, or is answered a status; `refused` is a connection that is not accepted.
 */
export const LOADING_ANSWERS = [
  'hold',
  '503',
  '502',
  '504',
  '500',
  '400',
  '404',
  'refused',
  'hang',
] as const;
export type LoadingAnswer = (typeof LOADING_ANSWERS)[number];

/** From, inclusive, and until, exclusive, ms. */
export type Span = readonly [number, number];

export interface PlatformSettings {
  /** Time without requests after which it goes cold, ms; Infinity: never by itself. */
  readonly idleTimeoutMs: number;
  /** Length of the first start, of the second and so on, ms; the last repeats. */
  readonly coldStartsMs: readonly number[];
  readonly whileLoading: LoadingAnswer;
  /** Times in which every second request is answered 503 although it is warm. */
  readonly flaps?: readonly Span[];
  /** Times in which its owner has paused it: it is cold and does not start. */
  readonly pauses?: readonly Span[];
  /** Times at which it is taken away, ms, ascending: it goes cold, after the requests in service. */
  readonly evictionsMs?: readonly number[];
  /** Time before it is ready in which it already answers a ping, ms: an open port, no model. */
  readonly earlyMs?: number;
  readonly capacity?: PlatformCapacity;
}

/** Requests at a time: workers behind one URL start one after the other. */
export interface PlatformCapacity {
  readonly slotsOfWorker: number;
  readonly mostWorkers: number;
  /** Time from one worker's start to the next one's, ms. */
  readonly workerEveryMs: number;
  /** Whether a request beyond the capacity waits at the platform or is answered 429. */
  readonly beyond: 'queue' | 'refuse';
}

export type PlatformReply =
  /** It is in service between these times; the endpoint is warm from `warmAt` on. */
  | {
      readonly type: 'served';
      readonly warmAt: number;
      readonly from: number;
      readonly until: number;
    }
  | {
      readonly type: 'answered';
      readonly at: number;
      readonly status: number;
      readonly body: string;
    }
  | { readonly type: 'refused'; readonly at: number }
  | { readonly type: 'hangs' };

/** Time from a request to an answer without service, ms. */
const ANSWER_MS = 50;

const BODIES: Readonly<Record<string, string>> = {
  '400': '{"error":{"message":"Model is not ready yet"}}',
  '404': '{"error":{"message":"The model does not exist."}}',
  '500': '{"error":{"message":"Internal Server Error"}}',
  '502': '<html><title>502 Bad Gateway</title></html>',
  '503': '{"error":{"message":"Service Unavailable"}}',
  '504': '<html><title>504 Gateway Time-out</title></html>',
};

/** From the start of its loading until it went cold again, ms. */
export interface PlatformStart {
  readonly at: number;
  readonly readyAt: number;
  coldAt: number;
}

export class Platform {
  /** Its starts so far, in order. */
  readonly starts: PlatformStart[] = [];
  readonly #settings: PlatformSettings;
  /** When the present start began and ends, ms; undefined while it is cold. */
  #startedAt: number | undefined;
  #readyAt = 0;
  /** When the last request was or will be answered, ms: none is in service from then on. */
  #lastActiveAt = 0;
  /** Ends of the requests in service or in the platform's queue, ms. */
  #ends: number[] = [];
  #upMs = 0;
  #servingMs = 0;
  #flapped = 0;
  #evictions = 0;

  constructor(settings: PlatformSettings) {
    this.#settings = settings;
  }

  /** A request that takes `serviceMs` arrives; `isPing`: one that only asks whether it is warm. */
  request(now: number, serviceMs: number, isPing = false): PlatformReply {
    this.#pass(now);
    if (inSpan(this.#settings.pauses, now)) {
      const body = '{"error":{"message":"The endpoint is paused"}}';
      return { type: 'answered', at: now + ANSWER_MS, status: 400, body };
    }
    if (this.#startedAt === undefined) this.#start(now);
    if (now < this.#readyAt) return this.#whileLoading(now, serviceMs, isPing);
    if (inSpan(this.#settings.flaps, now)) {
      this.#flapped += 1;
      if (this.#flapped % 2 === 0) return answered(now, '503');
    }
    return this.#serve(now, serviceMs);
  }

  /** When it would be ready if a request came now, ms; it changes nothing. */
  readyIfAsked(now: number): number {
    this.#pass(now);
    const pause = this.#settings.pauses?.find(([from, until]) => now >= from && now < until);
    const asked = pause?.[1] ?? now;
    return Math.max(now, this.#startedAt === undefined ? asked + this.#nextStartMs : this.#readyAt);
  }

  /** It is told to go cold; ignored while a request is in service or it loads. */
  release(now: number): void {
    this.#pass(now);
    if (this.#startedAt !== undefined && now >= Math.max(this.#readyAt, this.#lastActiveAt)) {
      this.#goCold(now);
    }
  }

  stateAt(now: number): 'cold' | 'loading' | 'warm' {
    this.#pass(now);
    if (this.#startedAt === undefined) return 'cold';
    return now < this.#readyAt ? 'loading' : 'warm';
  }

  /** Time that it has been loading or warm so far, ms: the time that is paid for. */
  upMsUntil(now: number): number {
    this.#pass(now);
    return this.#upMs + (this.#startedAt === undefined ? 0 : now - this.#startedAt);
  }

  /** Time that it could not serve so far, ms: cold, loading or paused. */
  notWarmMsUntil(now: number): number {
    this.#pass(now);
    const serving = this.#startedAt === undefined ? 0 : Math.max(0, now - this.#readyAt);
    return now - this.#servingMs - serving;
  }

  get #nextStartMs(): number {
    const { coldStartsMs } = this.#settings;
    return coldStartsMs[Math.min(this.starts.length, coldStartsMs.length - 1)] ?? 0;
  }

  #start(now: number): void {
    this.#startedAt = now;
    this.#readyAt = now + this.#nextStartMs;
    this.starts.push({ at: now, readyAt: this.#readyAt, coldAt: Infinity });
    this.#lastActiveAt = this.#readyAt;
  }

  #whileLoading(now: number, serviceMs: number, isPing: boolean): PlatformReply {
    const { whileLoading, earlyMs = 0 } = this.#settings;
    if (isPing && now >= this.#readyAt - earlyMs) {
      return { type: 'served', warmAt: this.#readyAt, from: now, until: now };
    }
    if (whileLoading === 'hold') return this.#serve(now, serviceMs);
    if (whileLoading === 'hang') return { type: 'hangs' };
    if (whileLoading === 'refused') return { type: 'refused', at: now + ANSWER_MS };
    return answered(now + ANSWER_MS, whileLoading);
  }

  #serve(now: number, serviceMs: number): PlatformReply {
    const warmAt = Math.max(now, this.#readyAt);
    const slots = this.#slotsAt(warmAt);
    this.#ends = this.#ends.filter((end) => end > warmAt);
    let from = warmAt;
    if (this.#ends.length >= slots) {
      if (this.#settings.capacity?.beyond === 'refuse') {
        const body = '{"error":{"message":"Too many requests"}}';
        return { type: 'answered', at: now + ANSWER_MS, status: 429, body };
      }
      this.#ends.sort((a, b) => a - b);
      from = this.#ends[this.#ends.length - slots] ?? warmAt;
    }
    const until = from + serviceMs;
    if (Number.isFinite(slots)) this.#ends.push(until);
    this.#lastActiveAt = Math.max(this.#lastActiveAt, until);
    return { type: 'served', warmAt, from, until };
  }

  #slotsAt(at: number): number {
    const { capacity } = this.#settings;
    if (!capacity) return Infinity;
    const { slotsOfWorker, mostWorkers, workerEveryMs } = capacity;
    const started = 1 + Math.floor(Math.max(0, at - this.#readyAt) / Math.max(1, workerEveryMs));
    return slotsOfWorker * Math.min(mostWorkers, started);
  }

  /** Applies what has happened by time alone. */
  #pass(now: number): void {
    if (this.#startedAt === undefined || now < this.#readyAt) return;
    let coldAt = this.#lastActiveAt + this.#settings.idleTimeoutMs;
    const { evictionsMs = [], pauses = [] } = this.#settings;
    while ((evictionsMs[this.#evictions] ?? Infinity) < this.#readyAt) this.#evictions += 1;
    const takenAt = Math.max(evictionsMs[this.#evictions] ?? Infinity, this.#lastActiveAt);
    const pausedFrom = pauses.find(([from, until]) => from <= now && until > this.#readyAt)?.[0];
    const pausedAt = Math.max(pausedFrom ?? Infinity, this.#lastActiveAt);
    coldAt = Math.min(coldAt, takenAt, pausedAt);
    if (coldAt <= now) this.#goCold(coldAt);
  }

  #goCold(at: number): void {
    this.#upMs += at - (this.#startedAt ?? at);
    this.#servingMs += at - this.#readyAt;
    const start = this.starts.at(-1);
    if (start) start.coldAt = at;
    this.#startedAt = undefined;
    this.#ends = [];
  }
}

function answered(at: number, status: keyof typeof BODIES): PlatformReply {
  return { type: 'answered', at, status: Number(status), body: BODIES[status] ?? '' };
}

function inSpan(spans: readonly Span[] = [], at: number): boolean {
  return spans.some(([from, until]) => at >= from && at < until);
}

/**
 * The emulated engine: slots, cold start and service time of each call. Times are in model ms, of
 * which `timeScale` pass in one real ms. It has no HTTP; that is in emulator.ts.
 */
import { BlockCache } from './block-cache.ts';
import { ColdState } from './cold-state.ts';
import { type BackendModel, KV_BLOCK_TOKENS, serviceMs } from './service-model.ts';
import { SlotBatch } from './slot-batch.ts';

export interface Timers {
  /** The time in real ms. */
  now(): number;
  /** Calls `act` after `ms` real ms; returns a function that cancels it. */
  after(ms: number, act: () => void): () => void;
}

/** Timers of Node hold 31 bits. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const REAL_TIMERS: Timers = {
  now: () => performance.now(),
  after: (ms, act) => {
    const timer = setTimeout(act, Math.min(ms, MAX_TIMER_MS));
    return () => clearTimeout(timer);
  },
};

export interface EngineStats {
  readonly state: string;
  readonly running: number;
  readonly waiting: number;
  readonly maxRunning: number;
  readonly maxInFlight: number;
  readonly served: number;
  readonly aborted: number;
  readonly coldStarts: number;
  /** Sum over calls of the time from arrival until the endpoint was warm, in model ms. */
  readonly coldWaitMs: number;
  readonly warmMs: number;
  readonly pings: number;
}

export interface Job {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Service time in model ms, in place of one computed from tokens. */
  readonly serviceMs?: number;
  /** Keys of the prompt's full blocks, where it may be in the prefix cache. */
  readonly blocks?: readonly string[];
  /** Called at the start of service with the input tokens that the prefix cache has. */
  readonly onBegin?: (cachedTokens: number) => void;
  /** Called with the number of output tokens that have been generated. */
  readonly onProgress?: (tokens: number) => void;
  readonly onDone: () => void;
  /** Asks whether the endpoint is warm, or wakes it: nobody waits for its answer. */
  readonly isProbe?: boolean;
}

/**
 * The shortest time between two pieces of output in real ms, so that high time scales need few
 * timers.
 */
const LEAST_PIECE_MS = 10;
/**
 * Node fires a longer timer after 1 ms instead, so longer waits are checked again after this time.
 */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Engine {
  readonly #model: BackendModel;
  readonly #scale: number;
  readonly #timers: Timers;
  readonly #startedAt: number;
  readonly #batch: SlotBatch;
  readonly #cache: BlockCache<string> | undefined;
  #cold: ColdState;
  #served = 0;
  #aborted = 0;
  #coldWaitMs = 0;
  #pings = 0;

  constructor(model: BackendModel, timeScale: number, timers: Timers) {
    this.#model = model;
    this.#scale = timeScale;
    this.#timers = timers;
    this.#startedAt = timers.now();
    this.#batch = new SlotBatch(model.slots ?? Infinity);
    const { kvCacheTokens } = model;
    if (kvCacheTokens !== undefined) {
      this.#cache = new BlockCache(Math.floor(kvCacheTokens / KV_BLOCK_TOKENS));
    }
    this.#cold = this.#newColdState();
  }

  get isWarm(): boolean {
    return this.#cold.stateAt(this.#now()) === 'warm';
  }

  /** Starts the endpoint if it is cold; takes no slot. */
  ping(): void {
    this.#pings += 1;
    this.#cold.touch(this.#now());
  }

  /**
   * Runs a job. Returns a function that aborts it and frees its slot; it does nothing once the job
   * is done.
   */
  run(job: Job): () => void {
    let cancelTimer: (() => void) | undefined;
    let over = false;
    let inService: ColdState | undefined;
    let leave: (() => void) | undefined;
    const finish = (done: boolean) => {
      if (over) return;
      over = true;
      cancelTimer?.();
      inService?.serviceEnded(this.#now());
      leave?.();
      if (inService && job.blocks) this.#cache?.touch(job.blocks);
      if (done) this.#served += 1;
      else this.#aborted += 1;
      if (done) job.onDone();
    };
    const record =
      job.serviceMs === undefined
        ? { input_tokens: job.inputTokens, output_tokens: job.outputTokens }
        : { service_ms: job.serviceMs };
    const serve = (startedAt: number) => {
      const cachedTokens = this.#cachedTokens(job);
      job.onBegin?.(cachedTokens);
      const totalMs = serviceMs(record, this.#model, cachedTokens);
      const unread = job.inputTokens - cachedTokens;
      const prefillMs = job.serviceMs ?? unread * this.#model.prefillMsPerToken;
      // Measured from the start of service, so that the delays of late timers do not add up.
      const endAt = startedAt + totalMs;
      const step = () => {
        const now = this.#now();
        if (now >= endAt) return finish(true);
        const decodeMs = this.#model.decodeMsPerToken;
        const made = decodeMs > 0 ? Math.floor((now - startedAt - prefillMs) / decodeMs) : 0;
        if (made > 0) job.onProgress?.(Math.min(made, job.outputTokens));
        const pieceMs = Math.max(decodeMs, LEAST_PIECE_MS * this.#scale);
        const firstMs = startedAt + prefillMs + decodeMs;
        const next = job.onProgress ? Math.max(firstMs, now + pieceMs) : endAt;
        cancelTimer = this.#after(Math.min(next, endAt), step);
      };
      step();
    };
    const begin = (startedAt: number) => {
      // A reset replaces the cold state: the service ends on the state on which it began.
      inService = this.#cold;
      inService.serviceStarted(startedAt);
      serve(startedAt);
    };
    leave = this.#batch.enter(() => {
      const grantedAt = this.#now();
      const warmAt = this.#cold.touch(grantedAt);
      if (!job.isProbe) this.#coldWaitMs += warmAt - grantedAt;
      // A timer takes at least one real ms, which is long at a high time scale.
      if (warmAt <= grantedAt) begin(grantedAt);
      else cancelTimer = this.#after(warmAt, () => begin(warmAt));
    });
    if (over) leave();
    return () => finish(false);
  }

  /** Sets the endpoint to cold, its cache empty and its counters to zero; calls that it has keep their slots. */
  reset(): void {
    this.#cold = this.#newColdState();
    this.#cache?.clear();
    this.#batch.resetMarks();
    this.#served = 0;
    this.#aborted = 0;
    this.#coldWaitMs = 0;
    this.#pings = 0;
  }

  stats(): EngineStats {
    const now = this.#now();
    return {
      state: this.#cold.stateAt(now),
      running: this.#batch.running,
      waiting: this.#batch.waiting,
      maxRunning: this.#batch.maxRunning,
      maxInFlight: this.#batch.maxInFlight,
      served: this.#served,
      aborted: this.#aborted,
      coldStarts: this.#cold.starts,
      coldWaitMs: this.#coldWaitMs,
      warmMs: this.#cold.warmMsUntil(now),
      pings: this.#pings,
    };
  }

  /** Input tokens that need no prefill; the last one always does. The prompt is read from now on. */
  #cachedTokens({ blocks, inputTokens }: Job): number {
    if (!this.#cache || !blocks) return 0;
    const most = Math.floor((inputTokens - 1) / KV_BLOCK_TOKENS);
    const hit = this.#cache.hit(blocks, most) * KV_BLOCK_TOKENS;
    this.#cache.touch(blocks);
    return hit;
  }

  #newColdState(): ColdState {
    const { coldStartMs, idleTimeoutMs } = this.#model;
    if (coldStartMs === undefined) return new ColdState(undefined);
    return new ColdState({ coldStartMs, idleTimeoutMs: idleTimeoutMs ?? Infinity });
  }

  /** The time in model ms. */
  #now(): number {
    return (this.#timers.now() - this.#startedAt) * this.#scale;
  }

  #after(modelTime: number, act: () => void): () => void {
    const ms = Math.max(0, modelTime - this.#now()) / this.#scale;
    return this.#timers.after(Math.min(ms, LONGEST_TIMER_MS), act);
  }
}

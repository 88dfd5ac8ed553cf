/**
 * Runs in flight that have no waiting or running calls, by the time at which their silence ends them;
 * and what each that ended so did last: if it goes on, its pause is learned.
 */
import type { ApplicationModels } from '../learning/application-models.ts';
import { LONGEST_SILENCE_MS, type SilenceBounds } from '../learning/learned-silence.ts';
import { OrderedQueue } from '../order/ordered-queue.ts';
import { FairRecentMap } from '../runs/fair-recent-map.ts';
import type { LiveRun } from '../runs/live-run.ts';

/** Silence after which a run ends while its client executes a unit itself, ms. */
const OWN_UNIT_SILENCE_MS = 900_000;
/**
 * Least silence after which a run ends whose client executes a tool, ms: coding agents let a command
 * run for up to 10 minutes.
 */
const TOOL_SILENCE_MS = 600_000;
/** Runs that ended by silence and are remembered. */
const MAX_REMEMBERED = 1_000;

interface Ended {
  /** Epoch ms. */
  readonly lastActiveAt: number;
  readonly turn: number | undefined;
}

/** What begins a run, at a time in epoch ms. */
export interface Beginning {
  readonly app: string;
  readonly at: number;
  readonly turn?: number;
}

export class SilentRuns {
  bounds: SilenceBounds = { assumedMs: OWN_UNIT_SILENCE_MS, leastMs: OWN_UNIT_SILENCE_MS };
  readonly #runs = new OrderedQueue<LiveRun>();
  readonly #ended = new FairRecentMap<Ended>(MAX_REMEMBERED);
  readonly #models: ApplicationModels;

  constructor(models: ApplicationModels) {
    this.#models = models;
  }

  /** When the next run ends by silence, epoch ms; Infinity for never. */
  get dueAt(): number {
    return this.#runs.peekKey();
  }

  has(run: LiveRun): boolean {
    return this.#runs.has(run);
  }

  /** The run is silent since it was last active. */
  add(run: LiveRun): void {
    const silenceMs = this.#models.silenceMs(run.app, this.bounds);
    this.#runs.set(run, run.lastActiveAt + Math.max(silenceMs, leastSilenceMs(run)), 0);
  }

  delete(run: LiveRun): void {
    this.#runs.delete(run);
  }

  /** The next run that its silence ends now. */
  takeEnded(now: number): LiveRun | undefined {
    const run = this.#runs.peekKey() <= now ? this.#runs.pop() : undefined;
    if (run) {
      const { id, lastActiveAt, turn, keyId } = run;
      this.#ended.set(id, { lastActiveAt, turn }, keyId);
    }
    return run;
  }

  /** A run begins: where its silence was taken for its end, it has only paused. */
  begun(id: string, { app, at, turn }: Beginning): void {
    const ended = this.#ended.get(id);
    if (!ended) return;
    this.#ended.delete(id);
    // Another conversation with the same beginning.
    if (turn !== undefined && turn <= (ended.turn ?? 0)) return;
    const pauseMs = at - ended.lastActiveAt;
    if (pauseMs <= LONGEST_SILENCE_MS) this.#models.paused(app, pauseMs);
  }
}

/** Least silence after which a run ends while its client does something that takes long, ms. */
function leastSilenceMs(run: LiveRun): number {
  if (run.isInOwnUnit) return OWN_UNIT_SILENCE_MS;
  // A call that failed or was given up leaves it open whether its client is there at all.
  return run.awaited.size > 0 && !run.broken ? TOOL_SILENCE_MS : 0;
}

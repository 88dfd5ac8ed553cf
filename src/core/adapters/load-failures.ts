/**
 * The adapters that one endpoint could not load: each is left alone for a time that doubles with every
 * further failure, until a load of it succeeds or a call shows that it is there.
 */

/** Pause after a load that failed, ms; it doubles with each further one. */
const FIRST_PAUSE_MS = 15_000;
const LONGEST_PAUSE_MS = 600_000;

/** Why the last load of an adapter failed, and until when no other is tried, epoch ms. */
export interface LoadFailure {
  readonly at: number;
  readonly until: number;
  readonly failures: number;
  readonly reason: string;
}

export class LoadFailures {
  readonly #failures = new Map<string, LoadFailure>();

  /** Why the last load of an adapter failed; undefined where it did not, or is to be tried again. */
  of(adapter: string, now: number): LoadFailure | undefined {
    const failure = this.#failures.get(adapter);
    return failure && failure.until > now ? failure : undefined;
  }

  /** The newest failure of a load, for the operator; undefined where the last of each succeeded. */
  get last(): (LoadFailure & { readonly adapter: string }) | undefined {
    let last: (LoadFailure & { readonly adapter: string }) | undefined;
    for (const [adapter, failure] of this.#failures) {
      if (!last || failure.at > last.at) last = { adapter, ...failure };
    }
    return last;
  }

  failed(adapter: string, reason: string, now: number): void {
    const failures = (this.#failures.get(adapter)?.failures ?? 0) + 1;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
    this.#failures.set(adapter, { at: now, until: now + pauseMs, failures, reason });
  }

  /** It is there. */
  succeeded(adapter: string): void {
    this.#failures.delete(adapter);
  }

  /** The engine started anew. */
  clear(): void {
    this.#failures.clear();
  }

  /** Forgets adapters that are not configured any more. */
  configured(isKnown: (adapter: string) => boolean): void {
    for (const name of this.#failures.keys()) if (!isKnown(name)) this.#failures.delete(name);
  }

  /** Handles a clock that jumps back: no pause from `now` is longer than the longest. */
  clockWentBack(now: number): void {
    for (const [name, failure] of this.#failures) {
      const until = Math.min(failure.until, now + LONGEST_PAUSE_MS);
      this.#failures.set(name, { ...failure, at: Math.min(failure.at, now), until });
    }
  }
}

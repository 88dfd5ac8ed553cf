/**
 * Remembers whose word that an endpoint is cold turned out to be wrong: the wake that followed was
 * answered at once. For a while a cold answer to a call of that API key then concerns the call alone,
 * so that one caller cannot have a warm endpoint woken again and again.
 */
import { RecentMap } from '../runs/recent-map.ts';

const MAX_KEYS = 64;
const FIRST_MS = 30_000;
const LONGEST_MS = 600_000;

interface Doubt {
  readonly until: number;
  readonly count: number;
}

export class ColdDoubts {
  readonly #doubts = new RecentMap<Doubt>(MAX_KEYS);

  /** True where a cold answer to a call of the key is no evidence. */
  isDoubted(key: string, now: number): boolean {
    return (this.#doubts.get(key)?.until ?? -Infinity) > now;
  }

  /** A wake after the key's cold answer found the endpoint warm. */
  wasWrong(key: string, now: number): void {
    const count = (this.#doubts.get(key)?.count ?? 0) + 1;
    const lastsMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** (count - 1));
    this.#doubts.set(key, { until: now + lastsMs, count });
  }

  /** A wake after the key's cold answer took as long as a start does. */
  wasRight(key: string): void {
    this.#doubts.delete(key);
  }

  /** Handles a clock that jumps back: no doubt lasts longer than the longest. */
  clockWentBack(now: number): void {
    for (const [key, { until, count }] of [...this.#doubts.entries()]) {
      this.#doubts.set(key, { until: Math.min(until, now + LONGEST_MS), count });
    }
  }
}

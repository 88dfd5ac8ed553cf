/**
 * How much was expected since the last arrival, by the week profile, and so how likely the traffic
 * has ended: a test for a change point. The measure is what was expected, not the time that passed:
 * a weekend without usual arrivals says nothing, a working day that stays silent says all.
 *
 * Arrivals cluster, so they are no independent evidence. Across sessions, an hour that usually has
 * arrivals counts once, however many it has. Within a session the arrivals count, with a tail as
 * heavy as that of a rate that is not known well. What is usual is in week-profile.ts.
 */

/** Probability that a pause between sessions is the end of the traffic, before it is observed. */
const PAUSE_IS_END = 0.05;
/** Weight of the profile within a session, in arrivals as expected: the shape of its Gamma prior. */
const SESSION_WEIGHT = 2;

/** What survives a restart. */
export interface SilenceSnapshot {
  readonly missedHours: number;
  readonly expected: number;
  readonly inSession: boolean;
  readonly isLastSession: boolean;
}

export class Silence {
  /** Hours with usual arrivals that stayed silent, each by the probability that it has some. */
  #missedHours = 0;
  /** Arrivals expected since the last one or since the session began, whichever was later. */
  #expected = 0;
  #inSession = true;
  #isLastSession = true;

  /** True in an hour that has arrivals, usually or now. */
  get inSession(): boolean {
    return this.#inSession;
  }

  /** True while the session of the last arrival goes on or is over, and no other has begun. */
  get isLastSession(): boolean {
    return this.#isLastSession;
  }

  get expected(): number {
    return this.#expected;
  }

  /** Silence of that much expectation has passed. */
  pass(hours: number, arrivals: number): void {
    this.#missedHours += hours;
    this.#expected += arrivals;
  }

  /** An hour begins. A session is a sequence of hours that usually have arrivals. */
  hourBegins(isUsual: boolean): void {
    if (!isUsual || !this.#inSession) {
      this.#expected = 0;
      this.#isLastSession = false;
    }
    this.#inSession = isUsual;
  }

  /** An arrival: the traffic has not ended. */
  end(): void {
    this.#missedHours = 0;
    this.#expected = 0;
    this.#inSession = true;
    this.#isLastSession = true;
  }

  /** Probability that the traffic still goes on and later sessions come as usual. */
  get goesOn(): number {
    return 1 / (1 + PAUSE_IS_END * Math.expm1(this.#missedHours));
  }

  snapshot(): SilenceSnapshot {
    return {
      missedHours: this.#missedHours,
      expected: this.#expected,
      inSession: this.#inSession,
      isLastSession: this.#isLastSession,
    };
  }

  restore({ missedHours, expected, inSession, isLastSession }: SilenceSnapshot): void {
    this.#missedHours = missedHours;
    this.#expected = expected;
    this.#inSession = inSession;
    this.#isLastSession = isLastSession;
  }
}

/**
 * Probability of no arrival while `arrivals` are expected, after a silence in which `expected` were:
 * about exp(-arrivals) at first, and then less and less certain that one comes.
 */
export function stillSilent(expected: number, arrivals: number): number {
  const before = SESSION_WEIGHT + expected;
  return (before / (before + arrivals)) ** SESSION_WEIGHT;
}

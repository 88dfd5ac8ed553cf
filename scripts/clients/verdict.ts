/** Whether a client's sessions came out as a person would tell them: one run each, of one application. */

/** A call as it was seen on its way: whose it was, and which run it became. */
export interface SeenCall {
  readonly session: string;
  readonly run: string;
}

/** A finished run, as the admin API exports it. */
export interface FinishedRun {
  readonly run: string;
  readonly app: string;
  readonly units: ReadonlyArray<{ readonly unit: string }>;
}

export interface Verdict {
  /** The runs that calls became; an interrupted one is not among the finished, of which is learned. */
  readonly runs: number;
  readonly applications: number;
  readonly units: number;
  /** What is wrong, in words; empty if nothing is. */
  readonly faults: readonly string[];
}

/** `whole`: the sessions that were not interrupted, whose runs should have the same units. */
export function verdictOf(
  calls: readonly SeenCall[],
  finished: readonly FinishedRun[],
  whole: readonly string[],
): Verdict {
  const runsOf = grouped(
    calls,
    (call) => call.session,
    (call) => call.run,
  );
  const sessionsOf = grouped(
    calls,
    (call) => call.run,
    (call) => call.session,
  );
  const applications = new Set(finished.map((run) => run.app));
  const unitsOf = grouped(
    finished.flatMap((run) => run.units.map(({ unit }) => ({ run: run.run, unit }))),
    ({ run }) => run,
    ({ unit }) => unit,
  );
  const merged = new Set(
    [...sessionsOf.values()]
      .filter((sessions) => sessions.size > 1)
      .map((sessions) => [...sessions].sort().join(' and ')),
  );
  const split = [...runsOf].filter(([, runs]) => runs.size > 1);
  const shapes = new Set(
    [...runsOf].flatMap(([session, runs]) =>
      whole.includes(session)
        ? [
            [...runs]
              .flatMap((run) => [...(unitsOf.get(run) ?? [])])
              .sort()
              .join(),
          ]
        : [],
    ),
  );
  return {
    runs: sessionsOf.size,
    applications: applications.size,
    units: new Set(finished.flatMap((run) => run.units.map(({ unit }) => unit))).size,
    faults: [
      ...[...merged].map((sessions) => `${sessions} are one run`),
      ...split.map(([session, runs]) => `${session} is ${runs.size} runs`),
      ...(applications.size > 1 ? [`${applications.size} applications`] : []),
      ...(shapes.size > 1 ? ['sessions have different units'] : []),
    ],
  };
}

function grouped<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  itemOf: (item: T) => string,
): Map<string, Set<string>> {
  const groups = new Map<string, Set<string>>();
  for (const item of items) {
    const group = groups.get(keyOf(item)) ?? new Set();
    groups.set(keyOf(item), group.add(itemOf(item)));
  }
  return groups;
}

/** What each API key holds at present, for the admin API and the metrics. Only formatting. */
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { Sample, Samples } from '../../src/protocol/metrics.ts';
import type { SideCalls } from './side-calls.ts';

/** Fields by API key; keys that hold nothing are absent. */
export function keysView(
  dispatcher: Dispatcher,
  sideCalls: SideCalls,
): Record<string, { open_runs: number; side_calls: number }> {
  const openRuns = new Map(dispatcher.register.openRuns.counts());
  const running = new Map(sideCalls.counts());
  const ids = new Set([...openRuns.keys(), ...running.keys()].filter((id) => id !== ''));
  return Object.fromEntries(
    [...ids].map((id) => [
      id,
      { open_runs: openRuns.get(id) ?? 0, side_calls: running.get(id) ?? 0 },
    ]),
  );
}

/** The same as metrics. */
export function keyMetrics(dispatcher: Dispatcher, sideCalls: SideCalls): Samples {
  const keys = Object.entries(keysView(dispatcher, sideCalls));
  const samples = (of: (held: (typeof keys)[number][1]) => number): Sample[] =>
    keys.map(([id, held]) => [[id], of(held)]);
  return {
    talaria_open_runs: samples((held) => held.open_runs),
    talaria_side_calls: samples((held) => held.side_calls),
  };
}

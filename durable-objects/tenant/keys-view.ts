/** What each API key holds at present, for the admin API and the metrics. Only formatting. */
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
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

/** The same as metrics, without the tenant's label. */
export function keyMetrics(dispatcher: Dispatcher, sideCalls: SideCalls): object[] {
  const keys = Object.entries(keysView(dispatcher, sideCalls));
  const gauge = (name: string, help: string, of: (held: (typeof keys)[number][1]) => number) => ({
    name,
    type: 'gauge',
    help,
    samples: keys.map(([id, held]) => ({ labels: [`key="${id}"`], value: of(held) })),
  });
  return [
    gauge('talaria_open_runs', 'Runs in flight that an API key opened.', (h) => h.open_runs),
    gauge('talaria_side_calls', 'Requests without a slot that run.', (h) => h.side_calls),
  ];
}

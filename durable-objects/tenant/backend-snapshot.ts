/**
 * How stored snapshots of a backend are read, those of earlier versions too. Their content has no
 * version of its own, so each old form is recognized by the fields that it lacks.
 */
import type { ArrivalSnapshot } from '../../src/core/arrivals/arrivals.ts';
import type { RateSnapshot } from '../../src/core/arrivals/gamma-rate.ts';
import type { BackendSnapshot } from '../../src/core/backends/backend-snapshot.ts';

/** The first versions stored nothing but a rate. */
type StoredArrivals = ArrivalSnapshot | RateSnapshot;

export function readBackendSnapshot(text: string): BackendSnapshot {
  const stored: Omit<BackendSnapshot, 'arrivals'> & { readonly arrivals: StoredArrivals } =
    JSON.parse(text);
  const { arrivals } = stored;
  return { ...stored, arrivals: 'rate' in arrivals ? arrivals : arrivalsOf(arrivals) };
}

function arrivalsOf(rate: RateSnapshot): ArrivalSnapshot {
  const { at } = rate;
  return { rate, gapsMs: [], lastAt: at, week: { counts: [], seconds: [], at } };
}

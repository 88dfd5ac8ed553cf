/**
 * The endpoints of a backend as places of a scene, where calls are held back for the one that has their
 * prompt; else all endpoints together are one place.
 */
import type { Backend } from '../backends/backend.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import type { ScenePlace, SceneRun } from './scene.ts';

/** With more endpoints they are taken as one: each grant of a draw looks at all of them. */
const MOST_PLACES = 16;

export type PlaceOfRun = Pick<SceneRun, 'home' | 'heldFor' | 'heldMs'>;

const ANY: PlaceOfRun = { home: -1, heldFor: -1, heldMs: Infinity };

export class ScenePlaces {
  readonly all: readonly ScenePlace[];
  readonly #backend: Backend;
  readonly #now: number;
  /** By the endpoint's id; empty where all are one place. */
  readonly #index = new Map<string, number>();

  constructor(backend: Backend, now: number) {
    this.#backend = backend;
    this.#now = now;
    const { pool, placement } = backend;
    const up = pool.list.filter(({ state, isPaused }) => state === 'warm' && !isPaused);
    const places = up.map((endpoint) => placeOf(endpoint, now));
    if (placement.mode === 'hold' && up.length > 1 && up.length <= MOST_PLACES) {
      for (const { spec } of up) this.#index.set(spec.id, this.#index.size);
      this.all = places;
      return;
    }
    const slots = places.reduce((sum, one) => sum + one.slots, 0);
    this.all = [{ slots, free: places.reduce((sum, { free }) => sum + free, 0) }];
  }

  /** The place of an endpoint; 0 for one that is none. */
  indexOf(endpoint: string | undefined): number {
    return this.#index.get(endpoint ?? '') ?? 0;
  }

  /** Where a run's next calls go; `call`: the first that waits or runs. */
  of(run: LiveRun, call: LiveCall | undefined): PlaceOfRun {
    if (this.#index.size === 0) return ANY;
    const { heldFor, heldUntil } = call?.placed ?? {};
    const isHeld = !call?.lease && heldFor !== undefined && this.#index.has(heldFor);
    const home = this.#backend.caches.homeOf(run) ?? heldFor;
    return {
      home: home !== undefined && this.#index.has(home) ? this.indexOf(home) : -1,
      heldFor: isHeld ? this.indexOf(heldFor) : -1,
      heldMs: call?.lease ? Infinity : Math.max(0, (heldUntil ?? Infinity) - this.#now),
    };
  }
}

function placeOf(endpoint: Endpoint, now: number): ScenePlace {
  const { free, isOpening } = endpoint.slots;
  // One that is not ready takes no call now, and one that opens slowly takes the next.
  const open = endpoint.isReady(now) ? (isOpening ? 1 : free) : 0;
  return { slots: Math.max(1, endpoint.slots.usable), free: Math.min(free, open) };
}

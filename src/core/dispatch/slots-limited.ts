/** What the operator is told of an endpoint that has fewer slots than are configured. */
import type { Endpoint } from '../backends/endpoint.ts';
import type { Effect } from './dispatch-events.ts';

/**
 * The effect where the usable slots have fallen below the configured ones since they were
 * `usableBefore`, or where the engine has now told another number; none otherwise.
 */
export function slotEffects(backend: string, endpoint: Endpoint, usableBefore: number): Effect[] {
  const {
    slots: { usable, limitedBy: by },
    spec,
  } = endpoint;
  if (by === undefined || usable >= usableBefore) return [];
  if (by === 'calls' && usableBefore < spec.slots) return [];
  const slots = { configured: spec.slots, usable, by };
  return [{ type: 'slots-limited', backend, endpoint: spec.id, ...slots }];
}

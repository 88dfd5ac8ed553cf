/**
 * Which endpoint stored which response (Responses API): a call that continues one by its id is served
 * there alone, since engines do not share what they store. Bounded; the oldest are forgotten, and a
 * restart of the object forgets all.
 */
import { RecentMap } from '../runs/recent-map.ts';

/** Responses that are remembered of one backend; each takes about 150 bytes. */
const MAX_REMEMBERED = 10_000;
/** A longer id is none of an engine's. */
const LONGEST_ID = 256;

export class StoredResponses {
  readonly #endpointOf = new RecentMap<string>(MAX_REMEMBERED);

  /** Undefined where nobody knows. */
  endpointOf(response: string | undefined): string | undefined {
    return response === undefined ? undefined : this.#endpointOf.get(response);
  }

  stored(response: string, endpoint: string): void {
    if (response.length <= LONGEST_ID) this.#endpointOf.set(response, endpoint);
  }
}

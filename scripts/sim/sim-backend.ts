/** The backends of a simulation; cluster.ts reads them from a file. */
import type { CacheSettings } from '../gpu/prefix-cache.ts';
import type { BackendModel } from '../gpu/service-model.ts';
import type { PlatformSettings } from './platform.ts';

/**
 * A backend of a simulation. One without token times serves only calls with a given service time.
 */
export interface SimBackend extends BackendModel {
  readonly measuresTokens: boolean;
  /** Slots of each endpoint, where the file says how many there are; else there is one. */
  readonly endpointSlots?: ReadonlyArray<number | null>;
  /** The prefix cache of each endpoint; absent: it holds all that was read. */
  readonly cache?: CacheSettings;
  /** Its endpoints read ahead what calls begin with, once they have woken. */
  readonly readsPrefixes?: boolean;
  /** How its platform truly behaves; absent where that is what is configured. */
  readonly platform?: PlatformSettings;
}

export type Cluster = ReadonlyMap<string, SimBackend>;

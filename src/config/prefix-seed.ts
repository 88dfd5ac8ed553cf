/**
 * Which calls have a prefix: those of a backend with a choice of endpoints, which are sent where it is
 * cached, of one that reads prefixes ahead, or with such a fallback. What a prefix is, is in `apis/prefix-chain.ts`.
 */
import { servedModel } from './model-names.ts';
import { readsPrefixes } from './prewarm-settings.ts';
import type { TenantConfig } from './schema.ts';

/**
 * By a model, as a client names it: what its calls have in common to share a cache, the name by which
 * the endpoints know the model; undefined where no endpoint is chosen by prefixes.
 */
export function prefixSeed(config: TenantConfig): (asked: string) => string | undefined {
  return (asked) => {
    const served = servedModel(config, asked);
    if (!served) return undefined;
    // Fallbacks form no circle.
    for (let name: string | undefined = served.backend; name !== undefined; ) {
      const backend: TenantConfig['backends'][string] | undefined = Object.hasOwn(
        config.backends,
        name,
      )
        ? config.backends[name]
        : undefined;
      if (!backend) return undefined;
      if (backend.endpoints.length > 1 && backend.affinity !== 'off') return served.upstream;
      if (readsPrefixes(config, name)) return served.upstream;
      name = backend.fallback;
    }
    return undefined;
  };
}

/** What the screens Now and Warmth both show of a backend and its endpoints. Only formatting. */
import type { Backend } from '../../../src/core/backends/backend.ts';
import type { Endpoint } from '../../../src/core/backends/endpoint.ts';
import type { EndpointNow } from '../../../src/protocol/console/now.ts';

/** The newer one of the last failed wake and the last failed release. */
export function lastErrorOf({ wakes, release }: Endpoint): EndpointNow['lastError'] {
  const isReleaseNewer = (release.error?.at ?? -Infinity) > (wakes.error?.at ?? -Infinity);
  const error = isReleaseNewer ? release.error : wakes.error;
  const of = isReleaseNewer ? 'release' : 'wake';
  return error ? { at: error.at, of, reason: error.reason } : null;
}

/** `off` where no endpoint can go cold. */
export function prewarmModeOf({ canGoCold, spec }: Backend): 'off' | 'dry-run' | 'on' {
  return canGoCold ? spec.prewarm.mode : 'off';
}

/**
 * Seals the endpoint keys in a configuration that is to be stored. A plain key is sealed; a sealed
 * key must open for its place, and is sealed again where an older master key was used. Nothing that
 * leaves this file contains a readable key. The encryption itself is in `sealed-key.ts`.
 */
import type { Problem } from '../http/problem.ts';
import { isSealedAnew, type SealedFor, seal, unseal } from './sealed-key.ts';

type Json = Record<string, unknown>;

export interface SealedConfig {
  readonly config: Json;
  readonly problems: readonly Problem[];
}

/** `config` is the configuration as it was put, already checked against the schema. */
export async function sealKeys(
  config: object,
  tenant: string,
  masterKey: string | undefined,
): Promise<SealedConfig> {
  const copy = withCopiedAuths(config);
  const problems: Problem[] = [];
  for (const { auth, place, param } of keysIn(copy, tenant)) {
    const { value, sealed } = auth;
    const key =
      typeof sealed === 'string' ? await unseal(masterKey, sealed, place) : (value as string);
    if (key === undefined) {
      const message =
        'it was sealed for another place, or its master key is gone: put "value" again';
      problems.push({ param: `${param}.sealed`, message });
      continue;
    }
    if (typeof sealed === 'string' && (await isSealedAnew(masterKey, sealed))) continue;
    const newlySealed = await seal(masterKey, key, place);
    delete auth.value;
    if (newlySealed === undefined) {
      const message = 'expected a Worker secret MASTER_KEY to seal it with, or "secret" instead';
      problems.push({ param: `${param}.value`, message });
    } else auth.sealed = newlySealed;
  }
  return { config: copy, problems };
}

/** The `value` in an exported configuration where a key was left out. */
export const LEFT_OUT = null;

/** A configuration for export: endpoint keys, sealed for this place, and API keys are left out. */
export function withoutKeys(config: Json): Json {
  const { keys: _, ...rest } = withCopiedAuths(config);
  for (const { auth } of keysIn(rest, '')) {
    delete auth.sealed;
    auth.value = LEFT_OUT;
  }
  return rest;
}

/** Inserts a tenant's present endpoint keys into a configuration that was exported without them. */
export function withKeysOf(config: Json, present: Json): Json {
  const copy = withCopiedAuths(config);
  const sealedKeys = new Map([...keysIn(present, '')].map((k) => [nameOf(k), k.auth.sealed]));
  for (const located of keysIn(copy, '')) {
    const sealed = sealedKeys.get(nameOf(located));
    if (located.auth.value !== LEFT_OUT || sealed === undefined) continue;
    delete located.auth.value;
    located.auth.sealed = sealed;
  }
  return copy;
}

/** A configuration as the console shows it: keys of endpoints hidden, API keys left out. */
export function withHiddenKeys(config: Json, hidden: string): Json {
  const { keys: _, ...rest } = withCopiedAuths(config);
  for (const { auth } of keysIn(rest, '')) {
    delete auth.value;
    auth.sealed = hidden;
  }
  return rest;
}

/**
 * Puts the stored keys back where a configuration that was shown has them hidden. Of `stored` the
 * first that has a key for the endpoint, by its name or else by its URL, gives it.
 */
export function withShownKeys(config: Json, hidden: string, stored: readonly Json[]): Json {
  const copy = withCopiedAuths(config);
  const known = stored.map((document) => [...keysIn(document, '')]);
  for (const located of keysIn(copy, '')) {
    const { auth, place } = located;
    if (auth.sealed !== hidden && auth.value !== hidden) continue;
    const isSame = (key: LocatedKey) => nameOf(key) === nameOf(located);
    const isThere = (key: LocatedKey) =>
      key.place.backend === place.backend && key.place.url === place.url;
    const found = known.flatMap((keys) => keys.find(isSame) ?? keys.find(isThere) ?? [])[0];
    if (!found) continue;
    delete auth.value;
    auth.sealed = found.auth.sealed;
  }
  return copy;
}

function nameOf({ place, endpoint }: LocatedKey): string {
  return JSON.stringify([place.backend, endpoint]);
}

/** A key in a configuration, and where it is used. */
interface LocatedKey {
  readonly auth: Json;
  readonly place: SealedFor;
  /** The endpoint's name, or its URL where it has none. */
  readonly endpoint: string;
  readonly param: string;
}

/** A copy whose `auth` objects may be changed; everything else is shared with the original. */
function withCopiedAuths(config: object): Json {
  const copy: Json = { ...config };
  const { backends } = copy;
  if (typeof backends !== 'object' || backends === null) return copy;
  const copies = Object.entries(backends).map(([name, b]) => {
    const { endpoints } = asObject(b);
    if (!Array.isArray(endpoints)) return [name, b];
    const endpointCopies = endpoints.map((e) => {
      const { auth } = asObject(e);
      return typeof auth === 'object' && auth !== null ? { ...e, auth: { ...auth } } : e;
    });
    return [name, { ...b, endpoints: endpointCopies }];
  });
  return { ...copy, backends: Object.fromEntries(copies) };
}

function* keysIn(config: Json, tenant: string): Iterable<LocatedKey> {
  for (const [backend, b] of Object.entries(asObject(config.backends))) {
    const { endpoints } = asObject(b);
    if (!Array.isArray(endpoints)) continue;
    for (const [i, e] of endpoints.entries()) {
      const { name, url, statusUrl, auth } = asObject(e);
      if (typeof auth !== 'object' || auth === null || typeof url !== 'string') continue;
      if (!('value' in auth) && !('sealed' in auth)) continue;
      const status = typeof statusUrl === 'string' ? { statusUrl } : {};
      const place = { tenant, backend, url, ...status };
      const endpoint = typeof name === 'string' ? name : url;
      const param = `backends.${backend}.endpoints[${i}].auth`;
      yield { auth: auth as Json, place, endpoint, param };
    }
  }
}

function asObject(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

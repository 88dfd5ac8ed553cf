/**
 * Which backend serves a model, and by which name its endpoints know it. A backend lists names that
 * are passed on as they are, and aliases: another name, or a pattern of names, for a model. The body's
 * `model` is rewritten in `apis/model-request.ts`, the answer's in `apis/answer-model.ts`.
 */
import { modelEntries } from './adapter-settings.ts';
import { askedName, isPattern, type ModelEntry, standsFor, upstreamName } from './model-entry.ts';
import type { TenantConfig } from './schema.ts';

export interface ServedModel {
  readonly backend: string;
  /** What its endpoints are asked for. */
  readonly upstream: string;
}

/**
 * The backend that serves a model: the one that lists its name, else the one with the pattern that
 * says most of it. Undefined where none does.
 */
export function servedModel(config: TenantConfig, asked: string): ServedModel | undefined {
  const { exact, patterns } = namesOf(config);
  const found = exact.get(asked);
  if (found) return found;
  return patterns.find(({ pattern }) => standsFor(pattern, asked))?.model;
}

/** The name by which a backend's endpoints know the model that `served` has been found for. */
export function upstreamAt(
  config: TenantConfig,
  backend: string,
  asked: string,
  served: ServedModel,
): string {
  if (backend === served.backend || !Object.hasOwn(config.backends, backend)) {
    return served.upstream;
  }
  // A fallback may have names of its own: for what the client asked, or for what the first one has.
  const found = config.backends[backend];
  const entries = found ? modelEntries(found) : [];
  for (const wanted of [asked, served.upstream]) {
    const entry = entries.find((e) => askedName(e) === wanted) ?? bestPattern(entries, wanted);
    if (entry !== undefined) return upstreamName(entry);
  }
  return served.upstream;
}

/** The names that a list of models shows, with their backends: patterns are no names. */
export function listedModels(config: TenantConfig): Array<{ id: string; backend: string }> {
  return Object.entries(config.backends).flatMap(([backend, configured]) =>
    modelEntries(configured)
      .filter((entry) => !isPattern(entry))
      .map((entry) => ({ id: askedName(entry), backend })),
  );
}

interface Names {
  readonly exact: ReadonlyMap<string, ServedModel>;
  /** Those that say most come first. */
  readonly patterns: ReadonlyArray<{ readonly pattern: string; readonly model: ServedModel }>;
}

const namesOfConfig = new WeakMap<TenantConfig, Names>();

function namesOf(config: TenantConfig): Names {
  const known = namesOfConfig.get(config);
  if (known) return known;
  const exact = new Map<string, ServedModel>();
  const patterns: Array<{ pattern: string; model: ServedModel }> = [];
  for (const [backend, configured] of Object.entries(config.backends)) {
    for (const entry of modelEntries(configured)) {
      const model = { backend, upstream: upstreamName(entry) };
      if (isPattern(entry)) patterns.push({ pattern: askedName(entry), model });
      else if (!exact.has(askedName(entry))) exact.set(askedName(entry), model);
    }
  }
  const names = {
    exact,
    patterns: patterns.toSorted((a, b) => b.pattern.length - a.pattern.length),
  };
  namesOfConfig.set(config, names);
  return names;
}

function bestPattern(entries: readonly ModelEntry[], wanted: string): ModelEntry | undefined {
  return entries
    .filter((entry) => isPattern(entry) && standsFor(askedName(entry), wanted))
    .toSorted((a, b) => askedName(b).length - askedName(a).length)[0];
}

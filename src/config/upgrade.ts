/**
 * Upgrades configurations that an earlier version of Talaria stored to the current format: one step
 * a format, in order, forward only. The stored text stays unchanged; every reader upgrades it. A
 * newer format than this code knows is refused, so that no part of it is lost unnoticed. Migrations
 * of the objects' storage are in `durable-objects/migrations.ts`.
 */
import { isObject } from '../http/foreign-error.ts';
import type { Problem } from '../http/problem.ts';

/** The format of configurations that were stored before they had a `format` field. */
const OLDEST_FORMAT = 1;
/** The current format; a change that breaks older configurations needs another upgrade step. */
export const CONFIG_FORMAT = 2;

type Json = Readonly<Record<string, unknown>>;
type Upgrade = (config: Json) => Json;

/** Index i upgrades format i + 1 to the next. A step is never edited once released. */
const UPGRADES: readonly Upgrade[] = [fromFormat1];

export type Upgraded =
  | { readonly ok: true; readonly config: unknown }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** `input` is a stored configuration; without a `format` field it has the oldest format. */
export function upgradeConfig(input: unknown): Upgraded {
  if (!isObject(input)) return { ok: true, config: input };
  const { format = OLDEST_FORMAT } = input;
  if (typeof format === 'number' && format > CONFIG_FORMAT) {
    const message = `of a newer Talaria: this one knows formats up to ${CONFIG_FORMAT}`;
    return { ok: false, problems: [{ param: 'format', message: `${format} is ${message}` }] };
  }
  // The schema refuses any other invalid format.
  if (typeof format !== 'number' || !Number.isInteger(format) || format < OLDEST_FORMAT) {
    return { ok: true, config: input };
  }
  const steps = UPGRADES.slice(format - OLDEST_FORMAT);
  const config = steps.reduce((c, step) => step(c), input);
  return { ok: true, config: { ...config, format: CONFIG_FORMAT } };
}

/**
 * In format 1 a backend's `prewarm` replaced the tenant's as a whole, with defaults for missing
 * fields, and `speed.outputMs` could be 0. This step writes the defaults out and replaces 0 by the
 * least value.
 */
function fromFormat1(config: Json): Json {
  const { backends } = config;
  if (!isObject(backends)) return config;
  const upgraded = Object.entries(backends).map(([name, backend]) => [
    name,
    backendFromFormat1(backend),
  ]);
  return { ...config, backends: Object.fromEntries(upgraded) };
}

function backendFromFormat1(backend: unknown): unknown {
  if (!isObject(backend)) return backend;
  const { prewarm, speed } = backend;
  const hasPrices = isObject(prewarm) && 'valuePerSecond' in prewarm;
  const defaults = { mode: 'on', ...(hasPrices ? {} : { theta: 0.25 }) };
  return {
    ...backend,
    ...(isObject(prewarm) ? { prewarm: { ...defaults, ...prewarm } } : {}),
    ...(isObject(speed) && speed.outputMs === 0 ? { speed: { ...speed, outputMs: 0.001 } } : {}),
  };
}

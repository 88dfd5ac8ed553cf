/**
 * Configurations that an earlier version of Talaria stored, brought to the present form: one step for
 * each form, in order, forward only. What is stored is left as it is; every reader upgrades. A form
 * that is newer than this code is refused, so that nothing of it is lost unseen.
 */
import type { Problem } from '../http/problem.ts';

/** What was stored before configurations had a `format`. */
const OLDEST_FORMAT = 1;
/** The present form; a change that old configurations would not survive is one more step. */
export const CONFIG_FORMAT = 2;

type Json = Readonly<Record<string, unknown>>;
type Upgrade = (config: Json) => Json;

/** From the form at the index + 1 to the next; never edited once released. */
const UPGRADES: readonly Upgrade[] = [fromFirst];

export type Upgraded =
  | { readonly ok: true; readonly config: unknown }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** `input` as it was stored; without a `format` it is of the oldest. */
export function upgradeConfig(input: unknown): Upgraded {
  if (!isObject(input)) return { ok: true, config: input };
  const { format = OLDEST_FORMAT } = input;
  if (typeof format === 'number' && format > CONFIG_FORMAT) {
    const message = `of a newer Talaria: this one knows formats up to ${CONFIG_FORMAT}`;
    return { ok: false, problems: [{ param: 'format', message: `${format} is ${message}` }] };
  }
  // Any other nonsense is the schema's to refuse.
  if (typeof format !== 'number' || !Number.isInteger(format) || format < OLDEST_FORMAT) {
    return { ok: true, config: input };
  }
  const steps = UPGRADES.slice(format - OLDEST_FORMAT);
  const config = steps.reduce((c, step) => step(c), input);
  return { ok: true, config: { ...config, format: CONFIG_FORMAT } };
}

/**
 * A backend's `prewarm` replaced the tenant's as a whole, what it left out had the default; and a token
 * could take no time.
 */
function fromFirst(config: Json): Json {
  const { backends } = config;
  if (!isObject(backends)) return config;
  const upgraded = Object.entries(backends).map(([name, backend]) => [name, ofFirst(backend)]);
  return { ...config, backends: Object.fromEntries(upgraded) };
}

function ofFirst(backend: unknown): unknown {
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

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

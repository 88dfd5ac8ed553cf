/**
 * The adapters (LoRA) of a backend's model: what clients ask for, and where the engines find it. Who
 * serves a model is found in `model-names.ts`; when an adapter is loaded is decided in `core/backends`.
 */
import * as z from 'zod/mini';
import type { AdaptersSpec } from '../core/adapters/adapter-load.ts';
import { LORA_ENGINES, type LoraEngine, loraModel } from '../endpoints/lora.ts';
import { intWithin, textWithin } from '../http/field-schemas.ts';
import type { Problem } from '../http/problem.ts';
import { askedName, isPattern, type ModelEntry, upstreamName } from './model-entry.ts';

/** SGLang takes what follows a colon for the adapter. */
const NAME = /^[\x21-\x39\x3b-\x7e]{1,256}$/;
/** Most adapters of one backend. */
const MAX_ADAPTERS = 1_000;

/** Each adapter by its name, with the path or repository from which the engines load it. */
export const adapters = z
  .record(z.string(), textWithin(1, 2_048))
  .check(
    z.refine(
      (a) => Object.keys(a).length <= MAX_ADAPTERS,
      `expected ${MAX_ADAPTERS} adapters at most`,
    ),
  );

/** How the engines are asked for them. */
export const lora = z.strictObject({
  engine: z._default(z.enum(LORA_ENGINES), 'vllm'),
  /** Assumed time of a load, until loads were measured. */
  loadMs: z._default(intWithin(1, 86_400_000), 5_000),
});

interface WithAdapters {
  readonly models: readonly ModelEntry[];
  readonly adapters: Readonly<Record<string, string>>;
  readonly lora: { readonly engine: LoraEngine; readonly loadMs: number };
}

/** The adapters as models: the name that clients ask for, and what the endpoints are asked for. */
export function adapterEntries({ models, adapters, lora }: WithAdapters) {
  const base = upstreamName(models[0] ?? '');
  return Object.keys(adapters).map((name) => ({ name, as: loraModel(lora.engine, base, name) }));
}

/** All models of a backend, its adapters included. */
export function modelEntries(backend: WithAdapters): readonly ModelEntry[] {
  return [...backend.models, ...adapterEntries(backend)];
}

/** What the dispatcher needs of them; undefined where there are none. */
export function adaptersSpec(backend: WithAdapters): AdaptersSpec | undefined {
  const entries = adapterEntries(backend);
  if (entries.length === 0) return undefined;
  const sources = new Map(entries.map(({ name, as }) => [as, backend.adapters[name] ?? '']));
  return { sources, loadMs: backend.lora.loadMs };
}

type Checked = WithAdapters & { readonly whileCold: string };

/** What is wrong with the adapters of the backends. */
export function* adapterProblems(backends: Readonly<Record<string, Checked>>): Iterable<Problem> {
  const servedBy = new Map<string, string>();
  for (const [name, { models }] of Object.entries(backends)) {
    for (const entry of models) servedBy.set(askedName(entry), name);
  }
  for (const [name, backend] of Object.entries(backends)) {
    const at = `backends.${name}.adapters`;
    yield* backendProblems(backend, at);
    for (const adapter of Object.keys(backend.adapters)) {
      const other = servedBy.get(adapter);
      servedBy.set(adapter, name);
      if (other === undefined) continue;
      const message = `model "${adapter}" is served by backend "${other}" already`;
      yield { param: `${at}.${adapter}`, message };
    }
  }
}

function* backendProblems({ models, adapters, whileCold }: Checked, at: string): Iterable<Problem> {
  const names = Object.keys(adapters);
  if (names.length === 0) return;
  const [base] = models;
  if (base === undefined || isPattern(base)) {
    const message = 'adapters need a base model, which is the first of "models" and no pattern';
    yield { param: at, message };
  }
  if (whileCold === 'send') {
    const message = 'an endpoint that is not up loads no adapter: expected whileCold "hold"';
    yield { param: at, message };
  }
  for (const adapter of names) {
    if (NAME.test(adapter)) continue;
    const message = 'expected a name of 1 to 256 printable ASCII characters without ":"';
    yield { param: `${at}.${adapter}`, message };
  }
}

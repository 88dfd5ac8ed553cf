/**
 * What engines tell of their load: where to ask and how to read the answer. Servers without these
 * paths answer anything, a page of HTML with status 200 included, so only the known fields count.
 */
import { parsed } from '../http/foreign-error.ts';
import type { EndpointTarget, PlatformAnswer, PlatformRequest } from './adapter.ts';

/** As the core takes it (`core/backends/engine-slots.ts`); a field that is absent is not told. */
export interface EngineLoad {
  readonly slots?: number;
  readonly running?: number;
  readonly waiting?: number;
}

export interface LoadForm {
  readonly path: string;
  /** Undefined where the answer tells nothing. */
  read(answer: PlatformAnswer): ReadLoad | undefined;
}

export interface ReadLoad extends EngineLoad {
  /** Where the engine tells its slots, which are a fixed number. */
  readonly slotsAt?: LoadForm;
}

/** Prometheus texts of vLLM are about 100 kB; its gauges come before its histograms. */
const MOST_BYTES = 262_144;
/** A larger number is none of an engine. */
const MOST_CALLS = 1_000_000;

/** Running and waiting calls as each engine names them. */
const GAUGES: ReadonlyArray<readonly [running: string, waiting: string]> = [
  ['sglang:num_running_reqs', 'sglang:num_queue_reqs'],
  ['tgi_batch_current_size', 'tgi_queue_size'],
  ...['vllm:', 'aphrodite:', 'lmdeploy:', 'fastdeploy:', 'trtllm_'].map(
    (engine) => [`${engine}num_requests_running`, `${engine}num_requests_waiting`] as const,
  ),
];

/** llama.cpp, always; with several models it is a router, which has no slots. */
const SLOTS_OF_LLAMA: LoadForm = { path: '/props', read: ({ body }) => inProps(body) };

/** The ways to ask, in order; the next one is for an engine that does not tell by the last. */
export const LOAD_FORMS: readonly LoadForm[] = [
  // llama.cpp has it with --metrics only, SGLang with --enable-metrics.
  { path: '/metrics', read: ({ body }) => inLlamaMetrics(body) ?? inMetrics(body) },
  // llama.cpp: not with --no-slots.
  { path: '/slots', read: ({ body }) => inSlots(body) },
  SLOTS_OF_LLAMA,
];

/** The request of a form, on the path that the API's `/v1` is on. */
export function loadRequest(form: LoadForm, { url }: EndpointTarget): PlatformRequest {
  const base = url.replace(/[?#].*$/, '').replace(/\/+$/, '');
  return {
    method: 'GET',
    url: base.replace(/\/v1$/, '') + form.path,
    mostBytes: MOST_BYTES,
  };
}

function inMetrics(text: string): EngineLoad | undefined {
  for (const [runningName, waitingName] of GAUGES) {
    const [running, waiting] = [sumOf(text, runningName), sumOf(text, waitingName)];
    if (running !== undefined && waiting !== undefined) return { running, waiting };
  }
  return undefined;
}

function inLlamaMetrics(text: string): ReadLoad | undefined {
  const running = sumOf(text, 'llamacpp:requests_processing');
  const waiting = sumOf(text, 'llamacpp:requests_deferred');
  if (running === undefined || waiting === undefined) return undefined;
  // Calls are deferred while all slots are taken, so that the slots are known where they are not told.
  return { running, waiting, slotsAt: SLOTS_OF_LLAMA, ...(waiting > 0 ? { slots: running } : {}) };
}

/** A gauge over all its labels, as engines of several ranks or models have; undefined: none. */
function sumOf(text: string, name: string): number | undefined {
  const line = new RegExp(`^${name}(?:\\{[^\\n]*\\})?[ \\t]+(\\S+)`, 'gm');
  let sum: number | undefined;
  for (const [, value] of text.matchAll(line)) sum = (sum ?? 0) + Number(value);
  return countOf(sum);
}

function inSlots(text: string): EngineLoad | undefined {
  const slots = parsed(text);
  if (!Array.isArray(slots) || slots.length === 0) return undefined;
  // Before 2024-11 a slot had a `state` instead, 0 for idle.
  const isTaken = (slot: unknown) => field(slot, 'is_processing') ?? field(slot, 'state') === 1;
  const taken = slots.map(isTaken);
  if (slots.some((slot) => typeof field(slot, 'id') !== 'number')) return undefined;
  return { slots: slots.length, running: taken.filter((is) => is === true).length };
}

function inProps(text: string): EngineLoad | undefined {
  const slots = countOf(field(parsed(text), 'total_slots'));
  return slots ? { slots } : undefined;
}

function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value <= MOST_CALLS ? value : undefined;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

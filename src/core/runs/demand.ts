/**
 * Demand: what calls ask of a backend, kept apart from how fast the backend is, so that a rank is
 * in predicted milliseconds on the machine that will serve the call (paper, section 4.1, assumes
 * one speed for all machines). A call that is not a model call has its service time in `output`
 * and the speed {inputMs: 0, outputMs: 1}: one formula serves both kinds.
 */
import type { CallRecord } from './recorded-run.ts';

/** Input tokens and output tokens, or 0 and milliseconds of service. */
export interface Demand {
  readonly input: number;
  readonly output: number;
}

/** Milliseconds of one slot for each token. */
export interface Speed {
  readonly inputMs: number;
  readonly outputMs: number;
}

export const NO_DEMAND: Demand = { input: 0, output: 0 };

/** The speed of a backend whose calls are measured in milliseconds already. */
export const SERVICE_SPEED: Speed = { inputMs: 0, outputMs: 1 };

/** Assumed of a model's backend until its calls have told: a mid-size model on one GPU. */
export const ASSUMED_LLM_SPEED: Speed = { inputMs: 0.1, outputMs: 25 };

/** Slot-milliseconds that a demand takes at a speed. */
export function workMs(demand: Demand, speed: Speed): number {
  return demand.input * speed.inputMs + demand.output * speed.outputMs;
}

export function addDemand(a: Demand, b: Demand): Demand {
  return { input: a.input + b.input, output: a.output + b.output };
}

export function subtractDemand(a: Demand, b: Demand): Demand {
  return { input: Math.max(0, a.input - b.input), output: Math.max(0, a.output - b.output) };
}

/** A call that was measured in time on a backend of tokens counts as the tokens made in that time. */
export function demandOf(call: CallRecord, speed: Speed): Demand {
  if (!('service_ms' in call)) return { input: call.input_tokens, output: call.output_tokens };
  return { input: 0, output: speed.outputMs > 0 ? call.service_ms / speed.outputMs : 0 };
}

/** Speeds by backend name. */
export type Speeds = (backend: string) => Speed;

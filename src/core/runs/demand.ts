/**
 * Demand: what calls ask of a backend, in tokens or service time. Kept apart from the backend's
 * speed, so that ranks are in predicted milliseconds at the backend that will serve the call
 * (paper, section 4.1, assumes one speed for all machines). A call that is not a model call has its
 * service time in `output` and the speed {inputMs: 0, outputMs: 1}: one formula serves both kinds.
 */
import type { CallRecord } from './recorded-run.ts';

/**
 * Input tokens that are computed and output tokens of model calls; 0 and milliseconds of service for
 * other calls.
 */
export interface Demand {
  readonly input: number;
  readonly output: number;
}

/** Slot-milliseconds per input token and per output token. */
export interface Speed {
  readonly inputMs: number;
  readonly outputMs: number;
}

export const NO_DEMAND: Demand = { input: 0, output: 0 };

/** Speed of a backend whose demand is already in milliseconds. */
export const SERVICE_SPEED: Speed = { inputMs: 0, outputMs: 1 };

/** Speed assumed of a model's backend until calls were measured: a mid-size model on one GPU. */
export const ASSUMED_LLM_SPEED: Speed = { inputMs: 0.1, outputMs: 25 };

/** Slot-milliseconds that a demand takes at a speed. */
export function workMs(demand: Demand, speed: Speed): number {
  return demand.input * speed.inputMs + demand.output * speed.outputMs;
}

export function addDemand(a: Demand, b: Demand): Demand {
  return { input: a.input + b.input, output: a.output + b.output };
}

/** Never below 0. */
export function subtractDemand(a: Demand, b: Demand): Demand {
  return { input: Math.max(0, a.input - b.input), output: Math.max(0, a.output - b.output) };
}

/**
 * Demand of a recorded call at a backend of this speed: what was in a prefix cache took no time. A
 * call measured in time counts as the output tokens that the backend generates in that time.
 */
export function demandOf(call: CallRecord, speed: Speed): Demand {
  if (!('service_ms' in call)) {
    const { input_tokens: input, output_tokens: output, cached_tokens: cached = 0 } = call;
    return { input: Math.max(0, input - cached), output };
  }
  return { input: 0, output: speed.outputMs > 0 ? call.service_ms / speed.outputMs : 0 };
}

/** Speeds by backend name. */
export type Speeds = (backend: string) => Speed;

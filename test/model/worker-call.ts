/** The model's record of one call's Worker, and the configurations of the tenant. */
import type { Ticket } from '../../durable-objects/tenant/ticket.ts';
import type { EnqueueRequest } from '../../src/protocol/admission.ts';

export interface Settings {
  readonly slots: Readonly<Record<string, number>>;
  readonly leaseMs: number;
  readonly policy: string;
}

export interface WorkerCall {
  readonly request: EnqueueRequest;
  state: 'asking' | 'waiting' | 'running' | 'over';
  ticket: Ticket | undefined;
  /** The incarnation of the object that gave the ticket. */
  incarnation: number;
  /** How often it has asked since its last answer. */
  tries: number;
  /** The number of slots that it was granted. */
  grants: number;
  endpoint: string | undefined;
  /** The time from which the endpoint no longer has the call, in elapsed ms. */
  leavesAt: number;
  /** The time until which the slot is held, as far as the Worker can know. */
  heldUntil: number;
  /** If true, its messages do not reach the object. */
  mute: boolean;
  /** How its wait ended. */
  answer: 'granted' | 'refused' | 'unavailable' | undefined;
}

export function newCall(request: EnqueueRequest): WorkerCall {
  return {
    request,
    state: 'asking',
    ticket: undefined,
    incarnation: -1,
    tries: 0,
    grants: 0,
    endpoint: undefined,
    leavesAt: Infinity,
    heldUntil: Infinity,
    mute: false,
    answer: undefined,
  };
}

/** A configuration without the backend `m`, which has another one in its place. */
export const WITHOUT_BACKEND: Settings['slots'] = {};

/** The tenant's configuration document, as text. */
export function configOf({ slots, leaseMs, policy }: Settings): string {
  const endpoints = Object.entries(slots).map(([name, slots]) => ({
    name,
    url: `http://127.0.0.1:9/${name}`,
    slots,
  }));
  const queue = { depth: 6, maxWaitMs: 40_000 };
  const backends =
    endpoints.length > 0
      ? { m: { models: ['m'], endpoints, queue } }
      : { other: { models: ['m'], endpoints: [{ name: 'c', url: 'http://127.0.0.1:9/c' }] } };
  const keys = [{ id: 'k', sha256: 'a'.repeat(64) }];
  return JSON.stringify({ backends, leaseMs, policy, runSilenceMs: 8_000, keys });
}
